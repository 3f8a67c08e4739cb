"""
Runner: an async workflow runner daemon.

YAML files in a directory become journaled runs of `http` and `sql` actions. Start reading at `runner.daemon`, where
everything is put together, or at `runner.ports`, where all seams stand on one page.
"""

import sys

__version__ = "0.1.0"

# httpx brings a command of its own along, with all of rich and pygments: 6 MB and 60 ms of each start, for nobody. It
# does without where that module cannot be had.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None is how an import is told to fail
