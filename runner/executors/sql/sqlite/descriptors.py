"""
Which file SQLite has opened: its own way to a file follows links, and nothing tells where it came to.

    open_files() ──► SQLite opens ──► open_files() ──is_that()──► the expected one is open anew, or nothing at all is

What this process has open is listed before and after. Where nothing is open anew, SQLite took a descriptor that it had
kept from a closed connection of the same file, since another still holds locks. `driver` asks; a thread that opens
another file in the same instant beside such a case makes it refuse, never accept.
"""

import os
import stat
from collections.abc import Mapping
from typing import Final

from runner.executors.files import Inode, inode

_LISTED: Final = "/dev/fd"


def open_files() -> dict[int, Inode]:
    """The regular files that this process has open, by descriptor."""
    found = {}
    for name in os.listdir(_LISTED):  # noqa: PTH208  of ten thousand names none is wanted as a path
        try:
            status = os.fstat(int(name))
        except (OSError, ValueError):  # closed since, as the one that listed them
            continue
        if stat.S_ISREG(status.st_mode):
            found[int(name)] = inode(status)
    return found


def is_that(expected: Inode | None, before: Mapping[int, Inode], after: Mapping[int, Inode]) -> bool:
    """Whether `expected` was opened between the two."""
    fresh = {opened for descriptor, opened in after.items() if before.get(descriptor) != opened}
    return expected is not None and (expected in fresh or (not fresh and expected in after.values()))
