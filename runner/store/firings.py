"""
Schedules and ends on disk: how far each schedule was decided, what became of its firings, which runs ended.

    Admission with a firing ──admitted()──► the row of the firing and the mark, in the run's own transaction
    ends of runs ──ended()──► endings, in the transaction of the end

In the writer's transaction: `runner.store.appends`, `runner.store.admissions` and `runner.store.sqlite_firings` call.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence

from runner.records import Firing, FiringRow
from runner.store.bounds import FIRINGS
from runner.store.statements import listed, load, with_rows


class FiringRows:
    """Reads and writes within the writer's transaction."""

    def __init__(self) -> None:
        self.watched = False
        """Whether ends of runs are kept for `run` triggers."""
        self._sql = load("firings")

    def known(self, connection: sqlite3.Connection, firings: Iterable[Firing]) -> dict[Firing, str]:
        """Those of the firings that were decided before, and the run that they started ('' for none)."""
        asked = list(firings)
        if not asked:
            return {}
        pairs = json.dumps([[each.workflow, each.trigger] for each in asked])
        until = {(row[0], row[1]): row[2] for row in connection.execute(self._sql["decided"], (pairs,))}
        found = {}
        for each in asked:
            row = connection.execute(self._sql["made"], (each.workflow, each.trigger, each.scheduled_at)).fetchone()
            if row is not None or each.scheduled_at <= until.get((each.workflow, each.trigger), float("-inf")):
                found[each] = (row[0] if row else None) or ""
        return found

    def write(self, connection: sqlite3.Connection, rows: Sequence[FiringRow]) -> None:
        """Add rows, move the marks up to them."""
        values = [
            (row.workflow, row.trigger, row.scheduled_at, row.at, row.outcome, row.run, row.message, row.count)
            for row in rows
        ]
        with_rows(connection, self._sql["firing"], values)
        self.mark(connection, rows)
        for workflow, trigger in {(row.workflow, row.trigger) for row in rows}:
            connection.execute(self._sql["trim"], {"workflow": workflow, "trigger": trigger, "kept": FIRINGS - 1})

    def mark(self, connection: sqlite3.Connection, rows: Iterable[Firing | FiringRow]) -> None:
        """Schedules are decided up to these times."""
        until: dict[tuple[str, str], float] = {}
        for row in rows:
            key = (row.workflow, row.trigger)
            until[key] = max(row.scheduled_at, until.get(key, row.scheduled_at))
        with_rows(connection, self._sql["mark"], [(*key, time) for key, time in until.items()])

    def ended(self, connection: sqlite3.Connection, ends: Sequence[tuple[str, str, str]]) -> None:
        """Keep ends (run, workflow, state) in their order, before the workflows' failures in a row are counted anew."""
        if not self.watched or not ends:
            return
        names = listed({workflow for _, workflow, _ in ends})
        failures: dict[str, int] = dict(connection.execute(self._sql["failures"], (names,)).fetchall())
        rows = []
        for run, workflow, state in ends:
            before = failures.get(workflow, 0)
            rows.append((run, workflow, state, before))
            failures[workflow] = {"failed": before + 1, "succeeded": 0}.get(state, before)
        with_rows(connection, self._sql["ended"], rows)
