"""
Files that only their owner may read, made so before anything is in them.

    make_private ──► the file, 0600, in a folder that is 0700 if it is made here ──► only then SQLite opens it

`runner.secrets.sqlite_rows` and `runner.secrets.key_file` make theirs with it; the start and `runner doctor` show what
`complaints` finds. SQLite gives its -wal and -shm files the mode of the database.
"""

import os
import stat
from pathlib import Path
from typing import Final

from runner.errors import SecretError
from runner.sync import sync

_OTHERS: Final = 0o077


def make_private(path: Path, content: bytes = b"") -> bool:
    """
    Make the file with mode 0600, on disk before this returns; False where one lies there already.

    Raises SecretError.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise SecretError(f"{path} cannot be made: {error.strerror} (user {os.geteuid()})") from None
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync(path.parent)
    return True


def read_regular(path: Path, most: int) -> bytes:
    """
    The content of a regular file of at most `most` bytes, without waiting for a pipe's other end.

    Raises OSError, or ValueError with what was expected.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("expected a regular file")
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"expected at most {most} bytes")
    return data


def complaints(path: Path) -> tuple[str, ...]:
    """What is too open about a file of secrets, its companions and its folder, each with the command that cures it."""
    found = []
    for each in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        mode = _mode(each)
        if mode & _OTHERS:
            found.append(f"{each} can be opened by other users (mode {mode:04o}): chmod 600 {each}")
    mode = _mode(path.parent)
    if mode & 0o022:
        found.append(f"{path.parent} can be changed by other users (mode {mode:04o}): chmod 700 {path.parent}")
    return tuple(found)


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
