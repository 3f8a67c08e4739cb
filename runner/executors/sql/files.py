"""
Which files a connection string may name: databases of SQLite, certificates.

Only regular files below the folders of `[files] allow`, after every link is followed, and never one of the daemon's own
(compared by inode, so that no second name of it helps). `network` and `sqlite` call it.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from runner.errors import PermanentError
from runner.ports import ExecutorLimits

SIDES: Final = ("", "-wal", "-shm", "-journal")
"""What SQLite writes beside a database, by the end of its name."""


def allowed_file(name: str, limits: ExecutorLimits) -> str:
    """The resolved path. Raises PermanentError (`refused`) for one outside the allowed folders or the daemon's own."""
    try:
        path = Path(name).resolve()
        inside = any(path.is_relative_to(Path(root).resolve()) for root in limits.file_roots)
    except (OSError, ValueError, RuntimeError):
        raise PermanentError("connection_string: the path of the file cannot be followed", kind="refused") from None
    if not inside:
        raise PermanentError(
            "connection_string: the file lies outside the folders that [files] allow names", kind="refused"
        )
    refuse_own(path, limits)
    return str(path)


def refuse_own(path: Path, limits: ExecutorLimits) -> None:
    """Raises PermanentError (`refused`) where the path, or what SQLite keeps beside it, is the daemon's own."""
    own = _inodes(name + side for name in limits.own_files for side in SIDES)
    if not own.isdisjoint(_inodes(f"{path}{side}" for side in SIDES)):
        raise PermanentError("connection_string: the file is one of Runner's own", kind="refused")
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise PermanentError("connection_string: the path is not that of a regular file", kind="refused")


def _inodes(names: Iterable[str]) -> set[tuple[int, int]]:
    found = set()
    for name in names:
        try:
            status = os.stat(name)  # noqa: PTH116  the names end in -wal: they are made from text
        except OSError:
            continue
        found.add((status.st_dev, status.st_ino))
    return found
