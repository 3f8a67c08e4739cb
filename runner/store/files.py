"""
The store's files: locked before anything is read, private before SQLite sees them, refused on a network.

    folder(path) ──► lock(path): PATH.lock, held until the block ends ──► private(path): 0600 from the first byte on

Called by `runner.store.sqlite` and, for copies, `runner.store.migrate`; knows nothing of what is in the file.
"""

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from runner.errors import StoreError, StoreFormatError, StoreLockedError

NETWORK_FILE_SYSTEMS: Final = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph-fuse", "fuse.davfs", "fuse.glusterfs",
    "fuse.rclone", "fuse.s3fs", "fuse.smbnetfs", "fuse.sshfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs",
    "nfs4", "ocfs2", "pvfs2", "smb2", "smb3", "smbfs",
})  # fmt: skip
"""Kinds of file systems on which the shared memory of SQLite's WAL, or its locks, cannot be relied on."""

MOUNTS: Final = Path("/proc/self/mountinfo")
"""Where Linux tells what is mounted where; see proc(5)."""

_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")


def folder(path: Path, *, allow_network: bool = False, mounts: Path = MOUNTS) -> None:
    """
    Make the folder that `path` lies in (0700) where it is not there.

    Raises StoreError where it cannot be made, or lies on a network file system.
    """
    with _told(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not allow_network:
        refuse_network(path, mounts)


def private(path: Path, *, new: bool = False) -> None:
    """
    Make an empty file that only its owner may read, before anything is in it. With `new` it must not be there yet.

    Raises StoreError where it cannot be made or opened, StoreFormatError where something else than a file is there.
    """
    with _told(path):
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            raise StoreFormatError(f"{path}: a store is a regular file, this is something else")
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (os.O_EXCL if new else 0)
        os.close(os.open(path, flags, 0o600))


def sizes(path: Path) -> tuple[int, int]:
    """Bytes of a database and of its WAL, as far as they are there."""
    both = (path, path.with_name(path.name + "-wal"))
    file, wal = (each.stat().st_size if each.exists() else 0 for each in both)
    return file, wal


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """
    Hold the store's lock, `PATH.lock`, for the length of the block; it goes with the process, however that ends.

    Raises StoreLockedError, which names the process that holds it.
    """
    with _told(path):
        beside = path.with_name(path.name + ".lock")
        held = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(held, 20, 0).decode("ascii", "replace").strip()
            who = f"process {holder}" if holder.isdecimal() else "another process"
            raise StoreLockedError(f"{path}: {who} executes on this store, and only one may") from None
        os.ftruncate(held, 0)
        os.pwrite(held, f"{os.getpid()}\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(held, 0)
    finally:
        os.close(held)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system refuses, as an error of ours."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: the store cannot be opened there: {error.strerror}") from None


def refuse_network(path: Path, mounts: Path = MOUNTS) -> None:
    """Raises StoreError where the folder of `path` lies on a network file system."""
    where = path.parent.resolve()
    found = (Path("/"), "")
    for point, kind in _mounted(mounts):
        if where.is_relative_to(point) and len(point.parts) >= len(found[0].parts):
            found = (point, kind)
    point, kind = found
    if kind in NETWORK_FILE_SYSTEMS:
        message = (
            f"{path}: the store lies on a network file system ({kind} at {point}), where SQLite's WAL is not safe: "
        )
        raise StoreError(message + "move it to a local disk, or set network_filesystem = true in [sqlite]")


def _mounted(mounts: Path) -> Iterator[tuple[Path, str]]:
    """Mount points and kinds, in the order they were mounted; nothing on a system that does not tell."""
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        before, _, after = line.partition(b" - ")
        point = _ESCAPED.sub(lambda match: bytes([int(match[1], 8)]), before.split(b" ")[4])
        yield Path(os.fsdecode(point)), os.fsdecode(after.split(b" ")[0])
