"""
Schedules and ends in memory: what `runner.store.firings` keeps on disk, with the same rules, for tests and models.

`FiringTables` is part of the memory store's disk; `MemoryFirings` hands its work over as the store does, so that it is
durable when the store says so.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from runner.clock import Clock
from runner.records import Ending, Firing, FiringRow, Paused
from runner.store.bounds import FIRINGS


class FiringTables:
    """The tables of schedules."""

    def __init__(self) -> None:
        self.watched = False
        self.marks: dict[tuple[str, str], float] = {}
        self.rows: dict[tuple[str, str, float], FiringRow] = {}
        self.paused: dict[str, Paused] = {}
        self.endings: list[Ending] = []
        self._number = 0

    def known(self, firing: Firing) -> str | None:
        """The run that this firing started ('' for none) where it was decided before, else None."""
        row = self.rows.get((firing.workflow, firing.trigger, firing.scheduled_at))
        decided = self.marks.get((firing.workflow, firing.trigger), float("-inf"))
        if row is None and firing.scheduled_at > decided:
            return None
        return (row.run if row else None) or ""

    def write(self, row: FiringRow) -> None:
        """Add a row, move the mark up to it."""
        self.rows.setdefault((row.workflow, row.trigger, row.scheduled_at), row)
        self.mark(Firing(row.workflow, row.trigger, row.scheduled_at))
        kept = sorted(key for key in self.rows if key[:2] == (row.workflow, row.trigger))
        for key in kept[:-FIRINGS]:
            del self.rows[key]

    def mark(self, firing: Firing) -> None:
        """The schedule is decided up to this time."""
        key = (firing.workflow, firing.trigger)
        self.marks[key] = max(firing.scheduled_at, self.marks.get(key, firing.scheduled_at))

    def forget(self, before: float) -> None:
        """Drop schedules that decided nothing after `before`."""
        self.marks = {key: until for key, until in self.marks.items() if until > before}
        self.rows = {at: row for at, row in self.rows.items() if at[:2] in self.marks}

    def ended(self, run: str, workflow: str, state: str, failures: int) -> None:
        """Keep an end."""
        if self.watched:
            self._number += 1
            self.endings.append(Ending(self._number, run, workflow, state, failures))


class MemoryFirings:
    """See `runner.ports.Firings`."""

    def __init__(
        self, tables: FiringTables, hand_over: Callable[[Callable[[], Any]], Awaitable[Any]], clock: Clock
    ) -> None:
        self._tables = tables
        self._hand_over = hand_over
        self._clock = clock

    async def marks(self) -> Mapping[tuple[str, str], float]:
        """How far each schedule was decided."""
        return dict(self._tables.marks)

    async def begin(self, firing: Firing) -> None:
        """A schedule begins."""
        await self._hand_over(lambda: self._tables.mark(firing))

    async def record(self, row: FiringRow) -> None:
        """A scheduled time started no run."""
        await self._hand_over(lambda: self._tables.write(row))

    async def recent(self, workflows: Sequence[str], most: int) -> Sequence[FiringRow]:
        """What became of the last firings of each schedule of these workflows, newest first."""
        rows = [row for row in self._tables.rows.values() if row.workflow in workflows]
        rows.sort(key=lambda row: (-row.scheduled_at, row.workflow, row.trigger))
        seen: Counter[tuple[str, str]] = Counter()
        found = []
        for row in rows:
            seen[row.workflow, row.trigger] += 1
            if seen[row.workflow, row.trigger] <= most:
                found.append(row)
        return found

    async def pause(self, workflow: str, by: str) -> None:
        """Its triggers fire no more."""
        at = self._clock.wall()
        await self._hand_over(lambda: self._tables.paused.setdefault(workflow, Paused(at, by)))

    async def resume(self, workflow: str) -> None:
        """Its triggers fire again."""
        await self._hand_over(lambda: self._tables.paused.pop(workflow, None))

    async def paused(self) -> Mapping[str, Paused]:
        """Workflows whose triggers are paused."""
        return dict(sorted(self._tables.paused.items()))

    def watch_endings(self, *, watched: bool) -> None:
        """Whether ends of runs are kept from now on."""
        self._tables.watched = watched

    async def endings(self, most: int) -> Sequence[Ending]:
        """Ends that nobody was told of, oldest first."""
        return self._tables.endings[:most]

    async def forget(self, number: int) -> None:
        """All ends up to this one were told."""

        def work() -> None:
            self._tables.endings = [ending for ending in self._tables.endings if ending.number > number]

        await self._hand_over(work)
