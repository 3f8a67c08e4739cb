"""
Whole copies of databases, and a copy of a store that is to take another one's place.

    copy(source, target) ──► a consistent file, 0600 before its first byte, while others read and write
    hold(path) ──► every unfinished run `cancelled (restored)`, boot beyond any that was seen      `runner restore`

Called by `runner.daemon.backup` and `runner.daemon.restore`, which know which files there are and where they lie.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from runner.clock import Clock
from runner.errors import StoreError, StoreFormatError
from runner.events import Ended, Failure, encode
from runner.marks import VaultMark
from runner.ports import Append, RunChange
from runner.store.files import private
from runner.store.sqlite import open_store
from runner.store.statements import load
from runner.store.vault_notes import put
from runner.sync import sync

BOOT_GAP: Final = 1000
"""Boots that a lost store may have seen after its backup was made: so many are passed over."""

_BUSY: Final = 5.0

_MARKED: Final = 5
"""The format of stores from which on they hold how far the vault was seen."""


def copy(source: Path, target: Path) -> int:
    """
    Copy the database at `source` into `target`, which is not there yet; its size in bytes, once it is on disk.

    Raises StoreError.
    """
    private(target, new=True)
    try:
        with closing(sqlite3.connect(source, timeout=_BUSY, isolation_level=None)) as connection:
            connection.execute(load("copies")["copy"], (str(target),))
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied to {target}: {error}") from None
    sync(target)
    return target.stat().st_size


def check(path: Path) -> str:
    """`ok`, or what is wrong with the database."""
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY, isolation_level=None)) as connection:
            return str(connection.execute(load("copies")["check"]).fetchone()[0])
    except sqlite3.Error as error:
        return str(error)


def boot_of(path: Path) -> int:
    """The boot number in a store's file; 0 where there is none that can be read."""
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY, isolation_level=None)) as connection:
            return int(connection.execute(load("copies")["boot"]).fetchone()[0]) if path.exists() else 0
    except sqlite3.Error:
        return 0


def empty_wal(path: Path) -> None:
    """Bring a database's WAL into the file, as far as it can be read."""
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY, isolation_level=None)) as connection:
            connection.execute(load("copies")["empty_wal"]).fetchall()
    except sqlite3.Error:
        return  # a file that is broken is set aside as it lies


async def hold(path: Path, clock: Clock, *, seen: int, made_at: str, resume: bool) -> int:
    """
    Make the store at `path` ready to stand for another one whose boots went up to `seen`; how many runs it cancelled.

    With `resume` its unfinished runs stay, and go on at the next start. Raises StoreError, StoreFormatError.
    """
    cancelled = 0
    async with open_store(path, clock=clock, allow_network=True) as store:
        rows = [] if resume else await anyio.to_thread.run_sync(_unfinished, path)
        promises = [store.append(_cancelled(run, seq + 1, store.boot, clock.wall(), made_at)) for run, seq in rows]
        for promise in promises:
            await promise
            cancelled += 1
    at = None if resume else clock.wall()
    await anyio.to_thread.run_sync(_stand_for, path, seen, at)
    return cancelled


def note(path: Path, mark: VaultMark) -> None:
    """
    Note in the store at `path`, where there is one, how the vault stands that is restored beside it.

    One of an older format has no place for it, and nothing in it that a start would compare. Raises StoreError.
    """
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY, isolation_level=None)) as connection:
            if connection.execute(load("opening")["format"]).fetchone()[1] >= _MARKED:
                put(connection, mark)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be written: {error}") from None


def _unfinished(path: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(path, timeout=_BUSY, isolation_level=None)) as connection:
        return connection.execute(load("copies")["unfinished"]).fetchall()


def _stand_for(path: Path, seen: int, at: float | None) -> None:
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY, isolation_level=None)) as connection:
            connection.execute(load("copies")["restored"], {"seen": seen, "gap": BOOT_GAP, "at": at})
    except sqlite3.Error as error:
        raise StoreFormatError(f"{path} cannot be made ready: {error}") from None


def _cancelled(run: str, seq: int, boot: int, at: float, made_at: str) -> Append:
    message = f"restored from a backup of {made_at}, in which the run had not ended"
    ended = Ended(at, "cancelled", error=Failure(type="restored", message=message))
    change = RunChange(state="cancelled", ended_at=at, error=message)
    return Append(run=run, boot=boot, seq=seq, at=at, events=encode((ended,)), change=change, waiting=False)
