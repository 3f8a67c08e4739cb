"""
Files that a connection string names: databases of SQLite, certificates.

`runner.executors.files` opens them; here its refusals become those of a connection string, and what SQLite keeps beside
a database is looked at too. `network` and `sqlite` call this from a worker thread.
"""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from runner.errors import PermanentError
from runner.executors import files
from runner.executors.files import Inode, NoFileError, Place, inode, inodes
from runner.ports import ExecutorLimits

SIDES: Final = ("", "-wal", "-shm", "-journal")
"""What SQLite writes beside a database, by the end of its name."""


@contextmanager
def opened(name: str, limits: ExecutorLimits) -> Iterator[int]:
    """A descriptor of a certificate's file, as long as the block. Raises PermanentError (`refused`)."""
    with _told(), files.opened(name, limits) as descriptor:
        yield descriptor


@contextmanager
def database_place(name: str, limits: ExecutorLimits, *, make: bool) -> Iterator[Place]:
    """The open folder of a database, as long as the block. Raises PermanentError (`refused`)."""
    with _told(), files.place_of(name, limits, make=make) as place:
        own = inodes(name + side for name in limits.own_files for side in SIDES)
        if not own.isdisjoint(inodes((place.name + side for side in SIDES), place.folder)):
            raise NoFileError("is one of Runner's own")
        yield place


def regular(place: Place) -> Inode | None:
    """Which file stands there; None for nothing. Raises PermanentError (`refused`) for anything but a regular file."""
    status = place.status()
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise PermanentError("connection_string: the file is not a regular one", kind="refused")
    return None if status is None else inode(status)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except NoFileError as error:
        raise PermanentError(f"connection_string: the file {error}", kind="refused") from None
