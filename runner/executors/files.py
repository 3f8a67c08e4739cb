"""
Files that an action names, opened below the folders of `[files] allow` and nowhere else.

    text ──realpath──► a folder of the settings, the way below it ──openat, step by step, no link followed──► descriptor

A name may be exchanged for a link between a look at it and its opening, so nothing is opened by a whole name: each
folder on the way is opened below the one before, links refused, and what is read is what was opened. None of the
daemon's own files is, by inode, so that no second name of it helps. The `http` and `sql` executors hand the descriptors
over, from a worker thread: this blocks.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from errno import ELOOP, ENOTDIR
from pathlib import Path
from typing import Final, NamedTuple

from runner.ports import ExecutorLimits

Inode = tuple[int, int]
"""Device and number."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NoFileError(ValueError):
    """No action may open that: the text says why, as what follows `the file`, and names no file."""


class Place(NamedTuple):
    """A name within an open folder. `path` is where that was when it was opened: what SQLite is told."""

    folder: int
    name: str
    path: str

    def status(self) -> os.stat_result | None:
        """Of what stands there, a link itself and not where it leads; None for nothing."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except OSError:
            return None


@contextmanager
def opened(text: str, limits: ExecutorLimits) -> Iterator[int]:
    """A descriptor of a regular file that an action may read, as long as the block. Raises NoFileError."""
    with place_of(text, limits) as place:
        descriptor = _open(place.name, _FILE, place.folder)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NoFileError("is not a regular file")
        if inode(status) in inodes(limits.own_files):
            raise NoFileError("is a file of Runner's own")
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def place_of(text: str, limits: ExecutorLimits, *, make: bool = False) -> Iterator[Place]:
    """
    The folder of a file that an action may name, open as long as the block; `make` makes the missing ones, 0700.

    Raises NoFileError.
    """
    root, parts = _way(text, limits)
    if not parts:
        raise NoFileError("is not a regular file")
    if make:
        _make(str(root), None)
    folder = _open(str(root), _FOLDER)
    try:
        for part in parts[:-1]:
            if make:
                _make(part, folder)
            below = _open(part, _FOLDER, folder)
            os.close(folder)
            folder = below
        yield Place(folder, parts[-1], str(root.joinpath(*parts)))
    finally:
        os.close(folder)


def by_descriptor(descriptor: int) -> str:
    """The name under which this process alone can open the same file again."""
    return f"/dev/fd/{descriptor}"


def inode(status: os.stat_result) -> Inode:
    """Which file it is, whatever it is called."""
    return status.st_dev, status.st_ino


def inodes(names: Iterable[str], folder: int | None = None) -> set[Inode]:
    """Of the files that there are of these names, where links lead."""
    found = set()
    for name in names:
        try:
            found.add(inode(os.stat(name, dir_fd=folder)))
        except OSError:
            continue
    return found


def _way(text: str, limits: ExecutorLimits) -> tuple[Path, tuple[str, ...]]:
    """The allowed folder that a file lies in, and the names that lead to it from there."""
    if "\x00" in text:
        raise NoFileError("has a NUL in its name")
    try:
        path = Path(os.path.realpath(text))
        roots = [Path(os.path.realpath(root)) for root in limits.file_roots]
    except (OSError, ValueError):
        raise NoFileError("cannot be followed to its place") from None
    root = next((root for root in roots if path.is_relative_to(root)), None)
    if root is None:
        raise NoFileError("lies outside the folders of [files] allow")
    return root, path.relative_to(root).parts


def _make(name: str, folder: int | None) -> None:
    """A folder that nobody else may enter, unless something stands there."""
    try:
        if folder is None:
            Path(name).mkdir(0o700, parents=True, exist_ok=True)
        else:
            os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        return
    except OSError as error:
        raise NoFileError(f"cannot be made: {error.strerror}") from None


def _open(name: str, flags: int, folder: int | None = None) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in {ELOOP, ENOTDIR}:
            raise NoFileError("is another file by now, or lies below one") from None
        missing = isinstance(error, FileNotFoundError)
        raise NoFileError("does not exist" if missing else f"cannot be read: {error.strerror}") from None
