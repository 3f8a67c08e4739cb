"""
The command line, with a SIGKILL right before the N-th file takes its place: `python killed_restore.py N restore FILE`.

Run by `test_backup`.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

from runner.cli import main


def dying(at: int) -> Any:
    """What stands for `Path.replace`."""
    replace, files = Path.replace, count(1)

    def replace_or_die(path: Path, target: Path) -> Path:
        if next(files) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(path, target)

    return replace_or_die


if __name__ == "__main__":
    _, number, *words = sys.argv
    Path.replace = dying(int(number))  # type: ignore[method-assign]  # to die in it
    main(words, prog_name="runner")
