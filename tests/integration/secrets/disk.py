"""What lies on the disk, for tests that look at bytes or change rows behind the vault's back."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


def every_byte(folder: Path) -> bytes:
    """The content of all files of a folder, one after the other."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


@contextmanager
def behind_its_back(path: Path) -> Iterator[sqlite3.Connection]:
    """The vault's tables, to be changed by somebody who has the file and no key."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection
