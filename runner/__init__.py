"""
Runner: an async workflow runner daemon.

YAML files in a directory become journaled runs of `http` and `sql` actions. Start reading at `runner.daemon`, where
everything is put together, or at `runner.ports`, where all seams stand on one page.
"""

__version__ = "0.1.0"
