"""
Starts of the daemon that ended without a stop, and the runs that may be why.

    begin() ──► how many in a row, suspects        test(run), acquit(run) ──► one at a time        stop() ──► forgotten

A run counts as in flight where it is running, does not only wait, and was not held back by the start before. Kills in a
row count for a run while it achieves nothing between them: one that gets further each time is not why. A suspect that
had its turn at a kill has it `alone` next time: beside new runs it would never be alone in flight, and never be found.
Called by `runner.engine.recovery`; each call is one job in the writer's transaction.
"""

import sqlite3
from typing import Any

from runner.store.statements import load
from runner.store.writer import Writer
from runner.suspects import Begun, Suspect

IN_A_ROW = 2
"""Kills in a row after which the runs that were in flight are resumed one at a time (design §2.4)."""


class SqliteStarts:
    """The starts on one database. Its calls raise StoreDegradedError while the disk refuses."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._sql = load("starts")

    async def begin(self) -> Begun:
        """A start begins: what came of those before it."""
        begun: Begun = await self._writer.call(self._begin)
        return begun

    async def test(self, run: str, at: float) -> None:
        """The suspect has its turn from now on."""
        await self._do(("test", (at, run)))

    async def acquit(self, run: str) -> None:
        """The run is no suspect any more."""
        await self._do(("acquit", (run,)))

    async def lived(self) -> None:
        """The start has lived so long that no kill before it counts."""
        await self._do(("lived", ()), ("forgive", ()))

    async def stop(self) -> None:
        """The daemon was told to stop: whatever becomes of it now is no kill."""
        await self._do(("stop", ()), ("acquit_all", ()))

    async def _do(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        def job(connection: sqlite3.Connection) -> None:
            for name, values in statements:
                connection.execute(self._sql[name], values)

        await self._writer.call(job)

    def _begin(self, connection: sqlite3.Connection) -> Begun:
        sql = self._sql
        was_started, before = connection.execute(sql["past"]).fetchone()
        if not was_started:
            connection.execute(sql["acquit_all"])
            connection.execute(sql["begin"], (0,))
            return Begun(0)
        tested = connection.execute(sql["tested"]).fetchone() if before >= IN_A_ROW else None
        in_flight = [run for (run,) in connection.execute(sql["in_flight"])]
        if len(in_flight) == 1:
            connection.execute(sql["kill"], {"run": in_flight[0]})
        kills = before + 1
        if kills >= IN_A_ROW:
            connection.execute(sql["suspect"])
        connection.execute(sql["drop_others"])
        connection.execute(sql["hold"], (int(kills >= IN_A_ROW),))
        connection.execute(sql["begin"], (kills,))
        suspects = tuple(Suspect(*row) for row in connection.execute(sql["suspects"]))
        alone = tested is not None and bool(suspects) and suspects[0].run == tested[0]
        return Begun(kills, suspects, one_at_a_time=kills >= IN_A_ROW, alone=alone)
