"""
What a start does with the runs that an earlier process left.

    live runs of the store, oldest first, 100 at a time ──► LiveRuns.ready ──slot──► fold, `recovered`, go on
    after two kills in a row: those that were in flight ──► one at a time, on disk before each begins
    one that was tried at a kill beside others ──► nothing else in flight until it has ended, waits or got further
    alone in flight at `max_recoveries` kills, no further between them ──► failed, and that is its name

It streams them in beside triggers that are open already. A run that only waits stays in the store: its wake-up rows
find it. Called by `runner.engine.dispatcher`.
"""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol, TypeVar

import anyio

from runner.engine.admission import Admissions
from runner.engine.live import MOST_READY, LiveRuns
from runner.engine.loading import Loader
from runner.engine.orders import Cancel
from runner.engine.releases import Release
from runner.engine.resume import in_flight
from runner.engine.services import Services
from runner.errors import RunnerError, StoreError
from runner.suspects import Begun, Suspect

_log = logging.getLogger(__name__)

Found = TypeVar("Found")

LIVED: Final = 600.0
"""Seconds after which a start is no part of a row of kills, and a run that is tried is innocent."""

ALONE: Final = 60.0
"""Seconds that a run may hold up all others while it is tried alone; no run may keep a daemon from its work."""

_PAUSE: Final = 1.0
"""Seconds between two tries to read while the store does not answer."""


class Starts(Protocol):
    """Where the store remembers how starts ended. All raise StoreError."""

    async def begin(self) -> Begun:
        """A start begins: what came of those before it."""

    async def test(self, run: str, at: float) -> None:
        """The suspect has its turn from now on."""

    async def acquit(self, run: str) -> None:
        """The run is no suspect any more."""

    async def lived(self) -> None:
        """No kill before this start counts."""

    async def stop(self) -> None:
        """What becomes of the process from now on is no kill."""


class Recovery:
    """The recovery of one start."""

    def __init__(self, services: Services, runs: LiveRuns, loader: Loader, admissions: Admissions) -> None:
        self._services = services
        self._runs = runs
        self._loader = loader
        self._admissions = admissions
        self._starts: Starts | None = None
        self._suspects: list[str] = []

    async def judge(self, starts: Starts) -> None:
        """Learn which of the runs that are live are to be tried one at a time, and whether the first of them alone."""
        self._runs.recovering = True
        self._starts = starts
        begun = await starts.begin()
        for suspect in begun.suspects:
            if suspect.kills >= self._services.limits.max_recoveries:
                await self._fail(suspect)
            elif begun.one_at_a_time:
                self._runs.held[suspect.run] = []
                self._suspects.append(suspect.run)
        if self._suspects:
            _log.warning(
                "killed %d times in a row: %d runs are resumed one at a time", begun.kills, len(self._suspects)
            )
        if begun.alone and begun.suspects[0].run in self._runs.held:
            self._runs.alone = begun.suspects[0].run
            _log.warning("run %s was tried at the kill: nothing else begins until it has got further", self._runs.alone)

    async def stream(self) -> None:
        """Bring every live run in that does not only wait and is not held; end first those that newer ones replace."""
        store = self._services.store
        for run in await self._patiently(store.superseded):
            self._runs.tell_at_once(run, Cancel("newer"))
        after = ""
        while True:
            page = await self._patiently(partial(store.live, after=after, most=MOST_READY))
            for each in page:
                after = each.run
                if not each.waiting and not self._runs.knows(each.run):
                    self._runs.ready(each.run)
            if len(page) < MOST_READY:
                break
            await self._runs.handed_on()
        self._runs.recovering = False
        self._runs.nudge()

    async def _patiently(self, read: Callable[[], Awaitable[Found]]) -> Found:
        """What the store answers, once it does."""
        while True:
            try:
                return await read()
            except StoreError as error:
                _log.warning("runs cannot be read and are not taken up yet: %s", error)
                await self._services.clock.sleep(_PAUSE)

    async def try_each(self) -> None:
        """Resume one suspect after the other, as each has ended, waits, or has gone on for long."""
        for run in self._suspects:
            if run in self._runs.held and self._starts is not None:
                await self._try(run, self._starts)
            self._runs.let_others_in(run)

    async def _try(self, run: str, starts: Starts) -> None:
        await self._surely(starts.test(run, self._services.clock.wall()))
        released = self._runs.releases.of(run)
        async with anyio.create_task_group() as tasks:
            if run == self._runs.alone:
                tasks.start_soon(self._let_others_in_time, run)
            tasks.start_soon(self._end_turn, released)
            self._runs.ready(run, *self._runs.held.pop(run, ()))
            await released.wait()
            tasks.cancel_scope.cancel()
        await self._surely(starts.acquit(run))

    async def _end_turn(self, release: Release) -> None:
        await self._services.clock.sleep(LIVED)
        release.tell()

    async def _let_others_in_time(self, run: str) -> None:
        await self._services.clock.sleep(ALONE)
        self._runs.let_others_in(run)

    async def outlive(self) -> None:
        """Forget the kills before this start once it has lived long enough."""
        await self._services.clock.sleep(LIVED)
        if self._starts is not None:
            await self._surely(self._starts.lived())

    async def stop(self) -> None:
        """The daemon was told to stop: from here on its end is no kill."""
        if self._starts is not None:
            await self._surely(self._starts.stop())

    async def _surely(self, told: Awaitable[None]) -> None:
        try:
            await told
        except StoreError as error:
            _log.warning("how this start goes is not remembered: %s", error)

    async def _fail(self, suspect: Suspect) -> None:
        place = await self._cut_off_at(suspect.run)
        message = (
            f"the daemon was killed {suspect.kills} times in a row while this run alone was in flight{place} "
            f"(runs.max_recoveries), so it is not resumed: mend that, then `runner runs rerun {suspect.run}`"
        )
        _log.error("run %s is failed: %s", suspect.run, message)
        await self._admissions.end(suspect.run, "poison", message)

    async def _cut_off_at(self, run: str) -> str:
        try:
            loaded = await self._loader.stored(run)
        except RunnerError:
            return ""
        places = [node.place for node in in_flight(loaded.conductor.run)] if loaded is not None else []
        return f", at {', '.join(places[:3])}" if places else ""
