"""
One transaction's work: everything that waited, applied so that what cannot be stored fails alone.

    [appends and jobs] ──► all appends at once ─┬─► fine
                                                └─► one conflicts: each alone, in a savepoint
                       ──► jobs in order, admissions side by side at once, in the same way

Appends come first: whoever hands over a job has awaited the appends that the job relies on, so every job sees them.
Only an error of the disk leaves `apply`; the writer then rolls back and keeps what waits. Called by
`runner.store.writer`.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple

from runner.errors import RunnerError, StoreError
from runner.ports import Admission, Append
from runner.store.admissions import Admissions
from runner.store.appends import Appends
from runner.store.fence import no_such_run, taken
from runner.store.pending import Pending

Job = Callable[[sqlite3.Connection], Any]
"""Work in the writer's transaction, within 5 ms; what it returns is its answer once it is on disk."""


class Apart(NamedTuple):
    """Work that SQLite does in no transaction, between two of the writer's."""

    job: Job


class Item(NamedTuple):
    """What was handed over: an `Append`, an `Admission`, a `Job` or one `Apart`; and its promise."""

    work: Any
    pending: Pending[Any]


class Outcome(NamedTuple):
    """What the promise is to be settled with once the transaction is on disk."""

    pending: Pending[Any]
    answer: Any = None
    error: Exception | None = None


class Batch:
    """Applies what waits."""

    def __init__(self, appends: Appends, admissions: Admissions) -> None:
        self._appends = appends
        self._admissions = admissions

    def apply(self, connection: sqlite3.Connection, items: Sequence[Item]) -> list[Outcome]:
        """Within an open transaction. Raises where the disk refuses (`of_the_disk`), and nothing else."""
        boot = self._appends.boot(connection)

        def append(works: Sequence[Append]) -> Sequence[None]:
            for work in works:
                self._appends.check(work, boot)
            self._appends.apply(connection, works)
            return [None] * len(works)

        def admit(works: Sequence[Admission]) -> Sequence[Any]:
            for work in works:
                self._appends.check(work.first, boot)
            return self._admissions.apply(connection, works)

        outcomes = self._together(connection, [item for item in items if type(item.work) is Append], append)
        jobs = (item for item in items if type(item.work) not in {Append, Apart})
        for admissions, group in groupby(jobs, key=lambda item: type(item.work) is Admission):
            if admissions:
                outcomes += self._together(connection, list(group), admit)
                continue
            for item in group:
                outcomes += self._together(connection, [item], lambda works: [works[0](connection)])
        return outcomes

    def apart(self, connection: sqlite3.Connection, items: Sequence[Item]) -> list[Outcome]:
        """The items that are done in no transaction, each for itself, once that of the others is on disk."""
        outcomes = []
        for item in items:
            if type(item.work) is Apart:
                try:
                    outcomes.append(Outcome(item.pending, item.work.job(connection)))
                except sqlite3.Error as error:
                    outcomes.append(self._failed(item, error))
        return outcomes

    def _together(
        self, connection: sqlite3.Connection, items: Sequence[Item], work: Callable[[Sequence[Any]], Sequence[Any]]
    ) -> list[Outcome]:
        """Do the work for all items at once; where that cannot be, for each, so that the one at fault fails alone."""
        if not items:
            return []
        try:
            with _savepoint(connection):
                answers = work([item.work for item in items])
        except Exception as error:
            if of_the_disk(error):
                raise
            if len(items) == 1:
                return [self._failed(items[0], error)]
        else:
            return [Outcome(item.pending, answer) for item, answer in zip(items, answers, strict=True)]
        return [outcome for item in items for outcome in self._together(connection, [item], work)]

    def _failed(self, item: Item, error: Exception) -> Outcome:
        if isinstance(item.work, Append):
            self._appends.refused.add(item.work.run)
        return Outcome(item.pending, error=error if isinstance(error, RunnerError) else _said(item.work, error))


def of_the_disk(error: Exception) -> bool:
    """Whether the disk, or the file as a whole, is at fault and not what was to be written."""
    return isinstance(error, sqlite3.OperationalError | MemoryError) or type(error) is sqlite3.DatabaseError


@contextmanager
def _savepoint(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("savepoint alone")
    try:
        yield
    except Exception as error:
        if not of_the_disk(error):  # else the whole transaction is rolled back, or was by SQLite itself
            connection.execute("rollback to alone")
            connection.execute("release alone")
        raise
    connection.execute("release alone")


def _said(work: Any, error: Exception) -> StoreError:
    if isinstance(work, Append) and isinstance(error, sqlite3.IntegrityError):
        if error.sqlite_errorname == "SQLITE_CONSTRAINT_FOREIGNKEY":
            return no_such_run(work.run)
        if "journal.seq" in str(error):
            return taken(work.run, work.seq)
    who = f"run {work.run}" if isinstance(work, Append | Admission) else "a job"
    return StoreError(f"{who}: it cannot be stored: {type(error).__name__}")
