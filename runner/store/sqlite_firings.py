"""
Schedules, firings, pauses and ends of the SQLite store, for those outside of it.

    record, pause, forget … ──► a job of the writer          marks, recent, endings … ──► aiosqlite

Made by `runner.store.sqlite`, `FiringReads` also by a command that finds no daemon. What happens within the writer's
transaction is `runner.store.firings`.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import aiosqlite
import msgspec

from runner.clock import Clock
from runner.records import Ending, Firing, FiringRow, Paused
from runner.store.firings import FiringRows
from runner.store.statements import load
from runner.store.writer import Writer


class FiringReads:
    """What people ask of it; `written` is awaited before each answer."""

    def __init__(self, connection: aiosqlite.Connection, written: Callable[[], Awaitable[None]]) -> None:
        self._connection = connection
        self._written = written
        self._sql = load("firings")

    async def recent(self, workflows: Sequence[str], most: int) -> Sequence[FiringRow]:
        """What became of the last firings of each schedule of these workflows, newest first."""
        names = msgspec.json.encode(list(workflows)).decode()
        return [FiringRow(*row) for row in await self._all("recent", names, most)]

    async def paused(self) -> Mapping[str, Paused]:
        """Workflows whose triggers are paused."""
        return {name: Paused(at, by or "") for name, at, by in await self._all("paused")}

    async def _all(self, name: str, *values: Any) -> list[tuple[Any, ...]]:
        await self._written()
        return [tuple(row) for row in await self._connection.execute_fetchall(self._sql[name], values)]


class SqliteFirings(FiringReads):
    """See `runner.ports.Firings`."""

    def __init__(self, rows: FiringRows, writer: Writer, reads: aiosqlite.Connection, clock: Clock) -> None:
        super().__init__(reads, writer.written)
        self._rows = rows
        self._writer = writer
        self._clock = clock

    async def marks(self) -> Mapping[tuple[str, str], float]:
        """How far each schedule was decided."""
        return {(workflow, trigger): until for workflow, trigger, until in await self._all("marks")}

    async def begin(self, firing: Firing) -> None:
        """A schedule begins: nothing up to this time is to be made."""
        await self._do(lambda connection: self._rows.mark(connection, [firing]))

    async def record(self, row: FiringRow) -> None:
        """A scheduled time, or several up to this one, started no run."""
        await self._do(lambda connection: self._rows.write(connection, [row]))

    async def pause(self, workflow: str, by: str) -> None:
        """Its triggers fire no more."""
        at = self._clock.wall()
        await self._do(lambda connection: connection.execute(self._sql["pause"], (workflow, at, by)))

    async def resume(self, workflow: str) -> None:
        """Its triggers fire again."""
        await self._do(lambda connection: connection.execute(self._sql["resume"], (workflow,)))

    def watch_endings(self, *, watched: bool) -> None:
        """Whether ends of runs are kept from now on."""
        self._rows.watched = watched

    async def endings(self, most: int) -> Sequence[Ending]:
        """Ends that nobody was told of, oldest first."""
        return [Ending(*row) for row in await self._all("endings", most)]

    async def forget(self, number: int) -> None:
        """All ends up to this one were told."""
        await self._do(lambda connection: connection.execute(self._sql["forget"], (number,)))

    async def _do(self, work: Callable[[sqlite3.Connection], object]) -> None:
        def job(connection: sqlite3.Connection) -> None:
            work(connection)

        await self._writer.call(job)
