"""
What the engine asks on its way: few rows, each found by an index, read on the event loop itself.

    run · last · due · superseded · definition         10 to 30 µs each; through a thread each would cost 300

A connection of its own that only reads; in WAL mode neither it nor the writer waits for the other. Lists for people are
`runner.store.reads`. Called by `runner.store.sqlite`.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from runner.definitions.model import Workflow
from runner.errors import StoreError, StoreFormatError
from runner.events import Ended
from runner.ports import Due, Last, RunRow
from runner.store.fence import unread
from runner.store.journal import journal_row, last_output, latest_end
from runner.store.rows import run_row
from runner.store.statements import load

MOST_DEFINITIONS: Final = 256
"""Decoded revisions that are kept."""


class Lookups:
    """Lookups over a connection that is used on the loop alone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = load("lookups")
        self._definitions: OrderedDict[str, Workflow] = OrderedDict()

    def _ask(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        try:
            yield from self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise unread(error) from None

    def definition(self, revision: str) -> Workflow:
        """The revision that a run pins. Raises StoreError."""
        if revision in self._definitions:
            self._definitions.move_to_end(revision)
            return self._definitions[revision]
        row = next(self._ask(self._sql["revision"], (revision,)), None)
        if row is None:
            raise StoreError(f"revision {revision} is not in the store")
        try:
            workflow = Workflow.decode(row[0])
        except msgspec.MsgspecError as error:
            raise StoreFormatError(f"revision {revision} cannot be read: {type(error).__name__}") from None
        except StoreFormatError as error:
            raise StoreFormatError(f"revision {revision} cannot be read: {error}") from None
        self._definitions[revision] = workflow
        if len(self._definitions) > MOST_DEFINITIONS:
            self._definitions.popitem(last=False)
        return workflow

    def last(self, workflow: str) -> Last:
        """The last succeeded run of a workflow, and the failures since."""
        row = next(self._ask(self._sql["last"], (workflow,)), None)
        run, started_at, failures = row or (None, None, 0)
        if run is None:
            return Last(None, None, None, failures)
        newest_first = self._ask(self._sql["journal_backwards"], (run,))
        return Last(run, started_at, last_output(journal_row(run, *each) for each in newest_first), failures)

    def run(self, run: str) -> RunRow | None:
        """One run by its whole id."""
        statement = self._sql["run"].replace("{row}", self._sql["row"])
        row = next(self._ask(statement, (run,)), None)
        return None if row is None else run_row(row)

    def end(self, run: str) -> Ended | None:
        """A run's latest end. Raises StoreFormatError."""
        newest_first = self._ask(self._sql["journal_backwards"], (run,))
        return latest_end(journal_row(run, *each) for each in newest_first)

    def due(self, before: float, most: int) -> Sequence[Due]:
        """Parked places whose time has come, earliest first."""
        return [Due(*row) for row in self._ask(self._sql["due"], (before, max(0, most)))]

    def free(self) -> int:
        """Bytes of the file that hold nothing."""
        free, size = next(self._ask(self._sql["free"]))
        return int(free) * int(size)

    def superseded(self) -> Sequence[str]:
        """Runs that are to be cancelled for newer ones."""
        return [run for (run,) in self._ask(self._sql["superseded"])]
