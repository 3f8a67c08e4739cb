"""
Files that an action names, for one key of its config: certificates, authorities, parts of a form.

`runner.executors.files` opens them; here its refusals become errors that name the key. `tls` and `multipart` call this
from a worker thread: it blocks.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from runner.executors import files
from runner.executors.files import NoFileError
from runner.executors.http.scalars import FieldError
from runner.ports import ExecutorLimits


@contextmanager
def opened(text: str, place: str, limits: ExecutorLimits) -> Iterator[int]:
    """A descriptor of the file, as long as the block. Raises FieldError, which names the key and not the file."""
    try:
        with files.opened(text, limits) as descriptor:
            yield descriptor
    except NoFileError as error:
        raise FieldError(f"{place}: the file {error}") from None


def read_file(text: str, place: str, limits: ExecutorLimits, most: int) -> bytes:
    """The content of an allowed file of at most `most` bytes. Raises FieldError."""
    with opened(text, place, limits) as descriptor:
        try:
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(most + 1)
        except OSError:
            raise FieldError(f"{place}: the file cannot be read") from None
    if len(content) > most:
        raise FieldError(f"{place}: the file is larger than {most:,} bytes")
    return content
