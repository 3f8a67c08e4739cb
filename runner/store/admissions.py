"""
Accepting a batch of runs, and handing queued ones to whoever executes them, in the writer's transaction.

    [Admission, …] ──► known? first? how full is the lane? ──decide()──► rows of all that were accepted, at once

Within a batch each is decided over the lane as those before it leave it. Called by `runner.store.batch` in the writer's
thread; raises whatever SQLite says, and whoever calls rolls back.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from runner.ports import Admission, Admitted, Claimed, Reopening
from runner.records import FiringRow
from runner.store.admission import Decision, Lane, decide, decide_again, joined, lane_of, reopened
from runner.store.appends import Appends
from runner.store.bounds import ENDED
from runner.store.fence import not_ended, old_boot
from runner.store.lanes import Lanes
from runner.store.rows import claimed
from runner.store.statements import listed, load, with_rows


class Admissions:
    """Applies admissions and claims."""

    def __init__(self, appends: Appends, lanes: Lanes) -> None:
        self._appends = appends
        self._lanes = lanes
        self._sql = load("admissions")

    def apply(self, connection: sqlite3.Connection, batch: Sequence[Admission]) -> list[Admitted]:
        """Decide over each, in order, and write what was accepted."""
        ids = listed(asked.run for asked in batch)
        known = {run for (run,) in connection.execute(self._sql["known_runs"], (ids,))}
        fired = self._appends.firings.known(connection, (asked.firing for asked in batch if asked.firing is not None))
        accepted: list[tuple[Admission, Decision]] = []
        answers: list[Admitted] = []
        lanes = self._looked_at(connection, batch)
        firsts: dict[tuple[str, str], tuple[str, float | None]] = {}
        for asked in batch:
            first = asked.run if asked.run in known else self._first(connection, asked, firsts)
            if first is None and asked.firing is not None:
                first = fired.get(asked.firing)
            if first is not None:
                answers.append(Admitted("duplicate", first))
                continue
            decision = self._decide(connection, asked, lanes)
            answers.append(decision.answer(asked.run))
            if decision.accepted:
                known.add(asked.run)
                accepted.append((asked, decision))
                if asked.firing is not None:
                    fired[asked.firing] = asked.run
                if asked.dedupe is not None:
                    firsts[asked.workflow, asked.dedupe] = (asked.run, asked.dedupe_until)
        self._write(connection, accepted, firsts)
        return answers

    def reopen(self, connection: sqlite3.Connection, asked: Reopening) -> Admitted:
        """Let an ended run go on, or not. Raises RefusedError, StoreFencedError."""
        run = asked.append.run
        self._appends.check(asked.append, self._appends.boot(connection))
        row = connection.execute(self._sql["to_reopen"], (run,)).fetchone()
        if row is None or row[0] not in ENDED:
            raise not_ended(run, None if row is None else row[0])
        _, lane, limit, parent = row
        full = None
        if lane is not None:
            inherited = self._lanes.inherited(connection, parent, lane)
            looked_at = self._lanes.look(connection, lane, standing=asked.when_full == "cancel_running")
            full = msgspec.structs.replace(looked_at, inherited=inherited)
        decision = decide_again(asked, limit, full)
        if decision.accepted:
            self._appends.apply(connection, [reopened(asked, decision)])
            connection.execute(self._sql["reopened"], (asked.generation, run))
        if decision.cancel:
            self._lanes.supersede(connection, decision.cancel)
        return decision.answer(run)

    def claim(self, connection: sqlite3.Connection, boot: int, most: int, now: float) -> list[Claimed]:
        """Mark up to `most` queued runs that their limits let go as running. Raises StoreFencedError."""
        current = self._appends.boot(connection)
        if boot != current:
            raise old_boot("a claim", boot, current)
        rows = sorted(connection.execute(self._sql["claim"], (now, max(0, most))).fetchall(), key=lambda row: row[0])
        found = connection.execute(self._sql["only_appends"], (listed(row[0] for row in rows),)) if rows else ()
        only = {run: append for run, *append in found}
        return [claimed(row, only.get(row[0])) for row in rows]

    def _first(
        self, connection: sqlite3.Connection, asked: Admission, firsts: dict[tuple[str, str], tuple[str, float | None]]
    ) -> str | None:
        """The run that the deduplication key stands for, of this batch or of an earlier one."""
        if asked.dedupe is None:
            return None
        run, until = firsts.get((asked.workflow, asked.dedupe), (None, None))
        if run is not None and (until is None or until > asked.first.at):
            return run
        bound = (asked.workflow, asked.dedupe, asked.first.at)
        row = connection.execute(self._sql["first_run"], bound).fetchone() if run is None else None
        return row[0] if row is not None else None

    def _looked_at(self, connection: sqlite3.Connection, batch: Sequence[Admission]) -> dict[str, Lane]:
        """The lanes in which somebody may be superseded; the others are looked at when they are needed."""
        names = {lane_of(asked) for asked in batch if asked.when_full == "cancel_running"} - {None}
        return {name: self._lanes.look(connection, name, standing=True) for name in names if name is not None}

    def _decide(self, connection: sqlite3.Connection, asked: Admission, lanes: dict[str, Lane]) -> Decision:
        name = lane_of(asked)
        if name is None:
            return decide(asked, None)
        lane = lanes.get(name) or self._lanes.look(connection, name, standing=False)
        inherited = self._lanes.inherited(connection, asked.parent.run if asked.parent else None, name)
        decision = decide(asked, msgspec.structs.replace(lane, inherited=inherited))
        lanes[name] = joined(lane, decision, asked.run)
        return decision

    def _write(
        self,
        connection: sqlite3.Connection,
        accepted: Sequence[tuple[Admission, Decision]],
        firsts: dict[tuple[str, str], tuple[str, float | None]],
    ) -> None:
        if not accepted:
            return
        definitions = {asked.revision: asked.definition for asked, _ in accepted}
        for (revision,) in connection.execute(self._sql["known_revisions"], (listed(definitions),)).fetchall():
            del definitions[revision]
        with_rows(connection, self._sql["revisions"], list(definitions.items()))
        with_rows(connection, self._sql["runs"], [_row(asked, decision) for asked, decision in accepted])
        dedupe = [(workflow, key, run, until) for (workflow, key), (run, until) in firsts.items()]
        with_rows(connection, self._sql["dedupe"], dedupe)
        made = [
            FiringRow(firing.workflow, firing.trigger, firing.scheduled_at, asked.first.at, "fired", asked.run)
            for asked, _ in accepted
            if (firing := asked.firing) is not None
        ]
        if made:
            self._appends.firings.write(connection, made)
        self._appends.apply(connection, [asked.first for asked, _ in accepted])
        superseded = [run for _, decision in accepted for run in decision.cancel]
        if superseded:
            self._lanes.supersede(connection, superseded)


def _row(asked: Admission, decision: Decision) -> tuple[Any, ...]:
    parent = (None, None, None) if asked.parent is None else (asked.parent.run, asked.parent.place, asked.parent.depth)
    at = asked.first.at
    started_at = at if decision.verdict == "running" else None
    labels = msgspec.json.encode(asked.labels).decode()
    run = (asked.run, asked.workflow, asked.revision, decision.verdict, at, started_at, asked.trigger, labels)
    return (*run, *parent, lane_of(asked), decision.place, asked.limit, asked.dedupe, decision.verdict == "queued")
