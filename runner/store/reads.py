"""
What people and starts ask: lists, journals, values. In a thread, so that a long answer holds up nobody.

    find · get · read · blob · live · asking · queued · counts ──► aiosqlite, a connection that only reads

Called by `runner.store.sqlite`. What the engine asks on its way is `runner.store.lookups`.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import aiosqlite

from runner.errors import StoreError
from runner.ports import Claimed, Due, JournalRow, Queued, RunFilter, RunRow
from runner.store.bounds import PREFIX
from runner.store.fence import unread
from runner.store.journal import journal_row
from runner.store.rows import claimed, run_row
from runner.store.statements import listed, load, page
from runner.tail import TailRow


class Reads:
    """Reads over one connection of aiosqlite."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._sql = load("lookups")

    async def find(self, wanted: RunFilter) -> Sequence[RunRow]:
        """Runs for a list, newest first."""
        statement, values = page(self._sql, wanted)
        return [run_row(row) for row in await self._all(statement, values)]

    async def get(self, run: str) -> RunRow | None:
        """One run, by its id or by an unambiguous prefix of it."""
        rows = await self._all(self._sql["run"].replace("{row}", self._sql["row"]), (run,))
        if not rows and len(run) >= PREFIX:
            after = run + "\U0010ffff"
            rows = await self._all(self._sql["run_by_prefix"].replace("{row}", self._sql["row"]), (run, after))
        return run_row(rows[0]) if len(rows) == 1 else None

    async def read(self, run: str, after: int = 0, most: int | None = None) -> Sequence[JournalRow]:
        """The run's journal in order, or a part of it. Raises StoreFormatError."""
        values = (run, after, -1 if most is None else most)
        return [journal_row(run, *row) for row in await self._all(self._sql["journal"], values)]

    async def since(self, row: int, most: int) -> Sequence[TailRow]:
        """Appends of all runs behind that one, in their order. Raises StoreFormatError."""
        found = await self._all(self._sql["tail"], (row, most))
        return [
            TailRow(number, run, workflow, journal_row(run, *rest).events) for number, run, workflow, *rest in found
        ]

    async def tail_end(self) -> int:
        """The number of the last append."""
        rows = await self._all(self._sql["tail_end"], ())
        return int(rows[0][0])

    async def blob(self, run: str, number: int) -> bytes:
        """A value that was too big for its row. Raises StoreError."""
        rows = await self._all(self._sql["blob"], (run, number))
        if not rows:
            raise StoreError(f"run {run}: value {number} is not in the store")
        return b"".join(data for (data,) in rows)

    async def last_seq(self, run: str) -> int:
        """The number of the run's last append."""
        rows = await self._all(self._sql["last_seq"], (run,))
        return int(rows[0][0])

    async def live(self, after: str, most: int | None) -> Sequence[Claimed]:
        """Runs that are neither queued nor ended, oldest first, those after `after`."""
        return [claimed(row) for row in await self._all(self._sql["live"], (after, -1 if most is None else most))]

    async def asking(self, most: int, after: tuple[str, str] = ("", "")) -> Sequence[Due]:
        """Parked places that wait for an answer, those of the oldest runs first."""
        return [Due(*row) for row in await self._all(self._sql["asking"], (*after, max(0, most)))]

    async def horizon(self, before: str | None, runs: int) -> str | None:
        """The id of the run so many older than `before`."""
        rows = await self._all(self._sql["horizon"], ("\U0010ffff" if before is None else before, runs - 1))
        return str(rows[0][0]) if rows else None

    async def queued(self, runs: Sequence[str]) -> Mapping[str, Queued]:
        """Why those of these runs that are queued wait."""
        found = await self._all(self._sql["queued"], (listed(runs),))
        return {
            run: Queued(held=bool(held), ahead=ahead, limit=limit, key=(lane or "").partition(" ")[2])
            for run, held, lane, limit, ahead in found
        }

    async def counts(self) -> Mapping[str, int]:
        """Runs by state."""
        return {row[0]: row[1] for row in await self._all(self._sql["counts"], ())}

    async def _all(self, statement: str, values: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
        try:
            return [tuple(row) for row in await self._connection.execute_fetchall(statement, values)]
        except sqlite3.Error as error:
            raise unread(error) from None
