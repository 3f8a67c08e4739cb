"""
A store's file as somebody reads it who trusts none of its caches: every run with its journal, in one moment's state.

    examine(path) ──► (row, journal, parked places, values, revision) for each run, read without the lock

Called by `runner.daemon.doctor`, which folds the journals; nothing is written.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from runner.definitions.model import Workflow
from runner.errors import StoreError, StoreFormatError
from runner.marks import VaultMark
from runner.ports import JournalRow
from runner.store.journal import journal_row
from runner.store.statements import load

_FROM_THE_FIRST: Final = 0
"""The `seq` behind which a journal is read."""

_ALL: Final = -1
"""SQLite's word for a limit that is none."""


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """A run as its rows have it. `places`: where it is parked; `blobs`: numbers of values with a row of their own."""

    run: str
    revision: str
    state: str
    ended_at: float | None
    waiting: bool
    journal: tuple[JournalRow, ...]
    places: frozenset[str]
    blobs: frozenset[int]


class Examination:
    """One moment of a store's file. Use it inside the block of `closing(connection)`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = {**load("lookups"), **load("examine")}

    def runs(self) -> Iterator[Examined | StoreFormatError]:
        """Every run in the order of acceptance; the error of one whose journal cannot be read. Raises StoreError."""
        try:
            for run, revision, state, ended_at, waiting in self._connection.execute(self._sql["runs"]):
                rows = self._connection.execute(self._sql["journal"], (run, _FROM_THE_FIRST, _ALL)).fetchall()
                try:
                    journal = tuple(journal_row(run, *row) for row in rows)
                except StoreFormatError as error:
                    yield error
                    continue
                yield Examined(
                    run=run,
                    revision=revision,
                    state=state,
                    ended_at=ended_at,
                    waiting=bool(waiting),
                    journal=journal,
                    places=frozenset(place for (place,) in self._connection.execute(self._sql["places"], (run,))),
                    blobs=frozenset(number for (number,) in self._connection.execute(self._sql["blobs"], (run,))),
                )
        except sqlite3.Error as error:
            raise StoreError(f"the store cannot be read: {error}") from None

    def definition(self, revision: str) -> Workflow | None:
        """A revision; None where it is not there or cannot be read."""
        row = self._connection.execute(self._sql["revision"], (revision,)).fetchone()
        try:
            return Workflow.decode(row[0]) if row is not None else None
        except (msgspec.MsgspecError, StoreFormatError):
            return None

    def newest(self) -> float | None:
        """When the store was written to last, in wall seconds."""
        newest: float | None = self._connection.execute(self._sql["newest"]).fetchone()[0]
        return newest

    def miscounted(self) -> list[tuple[str, int, int]]:
        """States that are counted wrong: the state, its count, how many runs there are. Raises sqlite3.Error."""
        return self._connection.execute(self._sql["counts"]).fetchall()

    def vault_mark(self) -> VaultMark | None:
        """How far the vault was seen; None where nothing was noted, or the store is of an older format."""
        try:
            row = self._connection.execute(load("vault_notes")["read"]).fetchone()
        except sqlite3.OperationalError:
            return None
        return None if row[0] is None else VaultMark(*row)


def open_examination(path: Path) -> "closing[sqlite3.Connection]":
    """A connection that reads one moment of the file, to be made an `Examination`. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=5.0)
    connection.execute(load("opening")["reader"])
    connection.execute("begin")
    return closing(connection)
