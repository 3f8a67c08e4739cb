"""
Files that an action names: certificates, authorities, parts of a form.

Only regular files below `[files] allow` are read, where the path really leads, and none of the daemon's own (design:
secrets, Who may do what). `runner.executors.http.tls` and `multipart` call this from a worker thread: it blocks.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from runner.executors.http.scalars import FieldError
from runner.ports import ExecutorLimits


def allowed_path(text: str, place: str, limits: ExecutorLimits) -> Path:
    """
    Where `text` really leads, if an action may read it. Raises FieldError, which names the key and not the file.
    """
    if "\x00" in text:
        raise FieldError(f"{place}: holds a NUL")
    try:
        path = Path(text).resolve(strict=True)
        found = path.stat()
    except (OSError, RuntimeError):
        raise FieldError(f"{place}: there is no such file") from None
    if not any(path.is_relative_to(root) for root in limits.file_roots):
        raise FieldError(f"{place}: lies outside the folders of [files] allow")
    if not stat.S_ISREG(found.st_mode):
        raise FieldError(f"{place}: is not a regular file")
    if (found.st_dev, found.st_ino) in _own(limits):
        raise FieldError(f"{place}: is a file of Runner's own")
    return path


def read_file(text: str, place: str, limits: ExecutorLimits, most: int) -> bytes:
    """
    The content of an allowed file of at most `most` bytes. Raises FieldError.

    What was opened has to be what may be read: a folder may become a link between the two.
    """
    path = allowed_path(text, place, limits)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            now = allowed_path(text, place, limits)
            if not os.path.samestat(os.fstat(file.fileno()), now.stat()):
                raise FieldError(f"{place}: is another file by now")
            content = file.read(most + 1)
    except OSError:
        raise FieldError(f"{place}: the file cannot be read") from None
    if len(content) > most:
        raise FieldError(f"{place}: the file is larger than {most:,} bytes")
    return content


def _own(limits: ExecutorLimits) -> set[tuple[int, int]]:
    found = set()
    for path in limits.own_files:
        with suppress(OSError):
            status = os.stat(path)  # noqa: PTH116  a plain path of the settings
            found.add((status.st_dev, status.st_ino))
    return found
