"""
Lanes in the SQLite store: how full they are, and who is let go when a place becomes free.

    somebody ended ──free()──► the oldest that is held there takes the place: a claim finds it by one index

    somebody was superseded ──► no longer counts as held, and is let go no more: it is cancelled

Called by `runner.store.appends` and `runner.store.admissions` within the writer's transaction. The rules are those of
`runner.store.admission`.
"""

import sqlite3
from collections.abc import Iterable

from runner.store.admission import Lane, Standing
from runner.store.statements import listed, load


class Lanes:
    """The lanes of one database; holds no count of its own."""

    def __init__(self) -> None:
        self._sql = load("lanes")

    def look(self, connection: sqlite3.Connection, lane: str, *, standing: bool) -> Lane:
        """How full a lane is; with `standing` also who in there may be superseded."""
        taken, held = connection.execute(self._sql["lane"], {"lane": lane}).fetchone()
        rows = connection.execute(self._sql["standing"], (lane,)) if standing else ()
        return Lane(taken, held, tuple(Standing(*row) for row in rows))

    def supersede(self, connection: sqlite3.Connection, runs: Iterable[str]) -> None:
        """These are to be cancelled, since newer ones have come."""
        connection.execute(self._sql["supersede"], (listed(runs),))

    def inherited(self, connection: sqlite3.Connection, parent: str | None, lane: str) -> bool:
        """Whether a run's parent or another ancestor has a place in the lane."""
        if parent is None:
            return False
        bound = {"run": parent, "lane": lane}
        return bool(connection.execute(self._sql["inherited"], bound).fetchone()[0])

    def free(self, connection: sqlite3.Connection, lanes: Iterable[str]) -> None:
        """Let go who may run now that somebody left these lanes."""
        held = connection.execute(self._sql["with_held"], (listed(lanes),)).fetchall()
        let_go = [run for (lane,) in held for run in self._next(connection, lane)]
        if let_go:
            connection.execute(self._sql["let_go"], (listed(let_go),))

    def _next(self, connection: sqlite3.Connection, lane: str) -> list[str]:
        taken, _ = connection.execute(self._sql["lane"], {"lane": lane}).fetchone()
        runs: list[str] = []
        for run, limit in connection.execute(self._sql["held"], (lane,)):
            if taken + len(runs) >= limit:
                break
            runs.append(run)
        return runs
