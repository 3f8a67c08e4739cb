"""
What a batch of appends does to the tables: one statement a table, whatever the number of appends.

    [Append, …] ──► journal, blobs ──► runs ──► parked ──► signals to parents, lanes, `$last`

Several appends of one run come to what the last of them says. Called by `runner.store.batch` in the writer's thread,
within a transaction; raises whatever SQLite says, and whoever calls rolls back.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from runner.ports import Append, Park
from runner.store.bounds import ENDED, PART
from runner.store.fence import after_refused, old_boot
from runner.store.firings import FiringRows
from runner.store.journal import holds_sealed
from runner.store.lanes import Lanes
from runner.store.statements import listed, load, with_rows


class Appends:
    """Applies appends. `refused` holds the runs of which this opening of the store has refused an append."""

    def __init__(self, lanes: Lanes, firings: FiringRows | None = None) -> None:
        self.refused: set[str] = set()
        self.firings = firings or FiringRows()
        self._lanes = lanes
        self._sql = load("appends")

    def boot(self, connection: sqlite3.Connection) -> int:
        """The fencing token in force."""
        boot: int = connection.execute(self._sql["boot"]).fetchone()[0]
        return boot

    def check(self, append: Append, boot: int) -> None:
        """Raises StoreFencedError where the append is to be refused without a look at the journal."""
        if append.boot != boot:
            raise old_boot(f"run {append.run}", append.boot, boot)
        if append.run in self.refused:
            raise after_refused(append.run, append.seq)

    def apply(self, connection: sqlite3.Connection, appends: Sequence[Append]) -> None:
        """All of them, or raise."""
        sql = self._sql
        journal = [(append.run, append.seq, append.boot, append.at, append.events) for append in appends]
        with_rows(connection, sql["journal"], journal)
        blobs = [
            (append.run, blob.number, start // PART, blob.data[start : start + PART])
            for append in appends
            for blob in append.blobs
            for start in range(0, len(blob.data) or 1, PART)
        ]
        with_rows(connection, sql["blobs"], blobs)
        sealed = {append.run for append in appends if holds_sealed(append.events)}
        if sealed:
            connection.execute(sql["sealed"], (listed(sealed),))
        changed = {append.run: append for append in appends if append.change is not None}
        waits = {append.run: append.waiting for append in appends if append.waiting is not None}
        before = self._before(connection, changed)
        self._change(connection, changed, waits)
        children = self._park(connection, appends)
        self._follow(connection, changed, before, children)

    def _before(
        self, connection: sqlite3.Connection, changed: dict[str, Append]
    ) -> dict[str, tuple[str, str, str | None]]:
        if not changed:
            return {}
        rows = connection.execute(self._sql["before"], (listed(changed),))
        return {run: (workflow, state, lane) for run, workflow, state, lane in rows}

    def _change(self, connection: sqlite3.Connection, changed: dict[str, Append], waits: dict[str, bool]) -> None:
        rows: list[tuple[Any, ...]] = []
        for run, append in changed.items():
            change = append.change
            assert change is not None
            waiting = False if change.state in ENDED else waits.get(run)
            rows.append(
                (run, change.state, append.at, change.ended_at, change.output, change.error, change.failed_action,
                 change.stopped_by, waiting)
            )  # fmt: skip
        with_rows(connection, self._sql["change"], rows)
        only = [(run, waiting) for run, waiting in waits.items() if run not in changed]
        with_rows(connection, self._sql["wait"], only)

    def _park(self, connection: sqlite3.Connection, appends: Sequence[Append]) -> list[str]:
        """Bring the parked places to what the last append says of each; returns the children that are waited for."""
        places: dict[tuple[str, str], Park | None] = {}
        for append in appends:
            for place in append.unparks:
                places[append.run, place] = None
            for park in append.parks:
                places[append.run, park.place] = park
        parks = [(run, park.place, park.due, park.child, park.callback) for (run, _), park in places.items() if park]
        with_rows(connection, self._sql["unpark"], list(places))
        with_rows(connection, self._sql["park"], parks)
        return [child for _, _, _, child, _ in parks if child is not None]

    def _follow(
        self,
        connection: sqlite3.Connection,
        changed: dict[str, Append],
        before: dict[str, tuple[str, str, str | None]],
        children: list[str],
    ) -> None:
        """What an end brings about: nothing is parked there, parents are told, lanes have room, `$last` is another."""
        ended = [run for run, append in changed.items() if append.change and append.change.state in ENDED]
        if ended:
            connection.execute(self._sql["unpark_ended"], (listed(ended),))
        if ended or children:
            connection.execute(self._sql["signal"], (listed([*ended, *children]),))
        self._remember(connection, changed, before)
        lanes = {lane for _, _, lane in before.values() if lane is not None}
        if lanes:
            self._lanes.free(connection, lanes)

    def _remember(
        self,
        connection: sqlite3.Connection,
        changed: dict[str, Append],
        before: dict[str, tuple[str, str, str | None]],
    ) -> None:
        workflows: dict[str, tuple[str | None, int]] = {}
        for run, append in changed.items():
            if run not in before or append.change is None:
                continue
            workflow, state, _ = before[run]
            last, failures = workflows.get(workflow, (None, 0))
            if append.change.state == "succeeded":
                workflows[workflow] = (run, 0)
            elif append.change.state == "failed" and state not in ENDED:
                workflows[workflow] = (last, failures + 1)
        ends = [
            (run, before[run][0], append.change.state)
            for run, append in changed.items()
            if run in before and append.change is not None and append.change.state in ENDED
        ]
        self.firings.ended(connection, ends)
        rows = [(name, last, failures) for name, (last, failures) in workflows.items()]
        with_rows(connection, self._sql["remember"], rows)
