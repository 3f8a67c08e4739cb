"""
The workflows folder on disk: which files it has, and what stands in one.

    scan(folder) → name: signature        read(folder, name) → bytes, or the problem that hides them

Regular `*.yaml` and `*.yml` files of the folder itself; hidden ones and editors' leftovers are none of them, nor are
tests of workflows, `NAME.test.yaml` (`runner.rehearsal`). A link is followed where it ends inside the folder, as those
of a mounted ConfigMap do, and told where it leaves it. Blocking calls: `runner.definitions.watch` makes them on a
thread.
"""

import errno
import os
import stat
from pathlib import Path
from typing import Final

from runner.definitions.source import MAX_FILE_SIZE
from runner.definitions.stillness import Signature
from runner.errors import Problem

_ENDINGS: Final = (".yaml", ".yml")
TEST_ENDINGS: Final = (".test.yaml", ".test.yml")
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def scan(folder: Path) -> dict[str, Signature]:
    """The signature of every workflow file. Raises OSError where the folder cannot be listed."""
    found: dict[str, Signature] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith(".") or not name.endswith(_ENDINGS) or name.endswith(TEST_ENDINGS):
                continue
            signature = _signature(entry)
            if signature is not None:
                found[entry.name] = signature
    return found


def _signature(entry: "os.DirEntry[str]") -> Signature | None:
    """None for a folder; for a link that leads nowhere its own."""
    status = _status(entry, follow=True) or _status(entry, follow=False)
    return None if status is None or stat.S_ISDIR(status.st_mode) else _of(status)


def _status(entry: "os.DirEntry[str]", *, follow: bool) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=follow)
    except OSError:
        return None


def _of(status: os.stat_result) -> Signature:
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev


def changed_at(signature: Signature) -> float:
    """Wall time of the last change that the file itself tells of."""
    return max(signature[:2]) / 1e9


def read(folder: Path, name: str, signature: Signature) -> bytes | Problem | None:
    """
    What stands in a file that looked like `signature`; None where it no longer does.

    One byte more than a file may have at most, so that its reader can tell that it is too long.
    """
    path = folder / name
    try:
        if path.is_symlink() and not path.resolve(strict=True).is_relative_to(folder.resolve()):
            return Problem(message="this link leaves the workflows folder and is not followed", file=name)
        descriptor = os.open(path, _FLAGS)
        with os.fdopen(descriptor, "rb") as file:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                return Problem(message="this is no regular file and is not read", file=name)
            data = file.read(MAX_FILE_SIZE + 1)
            return data if _of(before) == _of(os.fstat(descriptor)) == signature else None
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.is_symlink():
            return None
        return Problem(message=f"the file cannot be read ({errno.errorcode.get(error.errno or 0, 'error')})", file=name)
