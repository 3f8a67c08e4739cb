"""
What pages show of workflows, read in a thread as lists for people are.

    strips · revisions · turn · accepted ──► aiosqlite, the connection of `runner.store.reads`

`runner.store.sqlite` opens it; the contract is `runner.overviews.Overviews`.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import aiosqlite

from runner.events import Accepted
from runner.overviews import RevisionRow, Strip, Turn
from runner.records import RunRow
from runner.store.fence import unread
from runner.store.journal import journal_row
from runner.store.rows import run_row
from runner.store.statements import STATES, listed, load


class SqliteOverviews:
    """`written` waits until what was appended before is on disk, as long as the disk takes it."""

    def __init__(self, connection: aiosqlite.Connection, written: Callable[[], Awaitable[object]]) -> None:
        self._connection = connection
        self._written = written
        sql = load("overviews")
        newest = "\nunion all\n".join(sql["newest"].replace("{state}", state) for state in STATES)
        self.statements: Mapping[str, str] = {
            name: statement.replace("{newest}", newest).replace("{brief}", sql["brief"])
            for name, statement in sql.items()
        }

    async def strips(self, workflows: Iterable[str], most: int) -> Mapping[str, Strip]:
        """The latest runs of each workflow. Raises StoreError."""
        found: dict[str, list[RunRow]] = {}
        for row in await self._all("strips", {"workflows": listed(workflows), "most": max(0, most)}):
            run = run_row(row)
            found.setdefault(run.workflow, []).append(run)
        return {
            name: Strip(tuple(runs[:most]), next((run for run in runs if run.state == "failed"), None))
            for name, runs in found.items()
        }

    async def revisions(self, workflow: str, most: int) -> Sequence[RevisionRow]:
        """The revisions of a workflow, the one that ran last first. Raises StoreError."""
        return [RevisionRow(*row) for row in await self._all("revisions", (workflow, max(0, most)))]

    async def turn(self, workflow: str) -> Turn | None:
        """The last run that succeeded and the first one after it that failed. Raises StoreError."""
        rows = [run_row(row) for row in await self._all("turn", {"workflow": workflow})]
        return Turn(*rows) if len(rows) == 2 else None  # noqa: PLR2004  both ends of it

    async def accepted(self, run: str) -> Accepted | None:
        """What a run was accepted with. Raises StoreError."""
        for row in await self._all("first_append", (run,)):
            for event in journal_row(run, *row).events:
                if isinstance(event, Accepted):
                    return event
        return None

    async def _all(self, name: str, values: Any) -> list[tuple[Any, ...]]:
        await self._written()
        try:
            rows = await self._connection.execute_fetchall(self.statements[name], values)
        except sqlite3.Error as error:
            raise unread(error) from None
        return [tuple(row) for row in rows]
