"""
Accept runs, give them slots, wake those that wait, end what is asked to end.

    submit ──► Store.admit ──► running ──► Conductor in a slot ──► ended
                     │                          │  ▲
                     └──► queued ──claim────────┘  └── parked in the store ──due──┘

The one place that knows how many runs go on. A run that is queued or only waits has no object here: it is rows in the
store (design §2.8), taken up again by a fold of its journal. `runner.daemon` opens it with `open_dispatcher`;
triggers, the command line and pages call `submit`, `cancel` and `wait`.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.abc

from runner.engine.admission import AcceptedRun, Admissions, Submission
from runner.engine.children import ChildRuns
from runner.engine.deadlines import RUN_PLACE
from runner.engine.evolve import evolve
from runner.engine.intents import Intent
from runner.engine.loading import Loaded, Loader
from runner.engine.outstanding import outstanding
from runner.engine.run import Conductor
from runner.engine.services import Services
from runner.engine.state import Run
from runner.engine.wakeups import Wakeups
from runner.errors import RefusedError, RunnerError, StoreError
from runner.events import CancelReason
from runner.ports import Admitted, Claimed, RunRow

_log = logging.getLogger(__name__)

Order = Callable[[Conductor], None]
"""Something to tell a run once it is in memory again."""

_TICK = 1.0
"""Seconds between looks at attempts whose start was not yet handed over, so that a long one is seen to run."""


class Dispatcher:
    """The dispatcher of one daemon. Made by `open_dispatcher`."""

    def __init__(self, services: Services, admissions: Admissions, tasks: anyio.abc.TaskGroup) -> None:
        self._services = services
        self._admissions = admissions
        children = ChildRuns(services.store, admissions, self.submit, self.cancel)
        self._loader = Loader(services, admissions, children)
        self._tasks = tasks
        self._free = services.limits.max_concurrent_runs
        self._live: dict[str, Conductor] = {}
        self._ready: dict[str, list[Order]] = {}
        self._cut_off: set[str] = set()
        self._left: set[str] = set()
        self._queued = 0
        self._blocked = False
        self._pump_wanted = anyio.Event()
        self._ended: dict[str, list[anyio.Event]] = {}
        self.wakeups = Wakeups(services.store, services.clock, self.wake)
        self.draining = False

    # ------------------------------------------------------------------------------------------------ runs come in

    async def submit(self, submission: Submission) -> Admitted:
        """
        Accept a run: when this returns it is on disk.

        Raises RefusedError for inputs that do not fit, an unknown workflow, a full queue, or while draining;
        StoreDegradedError while the disk refuses.
        """
        if self.draining:
            raise RefusedError("the daemon is stopping and takes no new runs", reason="draining")
        room = self._free > 0 and not self._ready
        if not room and self._queued >= self._services.limits.queued_runs:
            raise RefusedError(f"{self._queued} runs are queued already (limits.queued_runs)", reason="full")
        self._free -= room
        spawned = False
        try:
            accepted = await self._admissions.admit(submission, start=room)
            if accepted.admitted.verdict == "running":
                self._start(accepted)
                spawned = True
            elif accepted.admitted.verdict == "queued":
                self._queued += 1
                if accepted.admitted.cancel is not None:
                    self.cancel(accepted.admitted.cancel, "newer")
        finally:
            if room and not spawned:
                self._free += 1
                self._nudge()
        return accepted.admitted

    # -------------------------------------------------------------------------------------------------- runs go on

    async def wait(self, run: str) -> RunRow:
        """
        The run's row once it has ended. Raises RefusedError for an unknown run, StoreError for one that is left as it
        lies.
        """
        while True:
            event = anyio.Event()
            self._ended.setdefault(run, []).append(event)
            if run in self._live:
                await event.wait()
                continue
            row = await self._services.store.get(run)
            if row is None:
                raise RefusedError(f"there is no run {run}", reason="unknown")
            if row.ended_at is not None:
                for waiter in self._ended.pop(run, []):
                    waiter.set()
                return row
            if run in self._left:
                raise StoreError(f"run {run} is left as it lies in the store; the log tells why")
            await event.wait()

    def cancel(self, run: str, why: CancelReason = "person", by: str = "") -> None:
        """Ask a live run to end; one that waits or is queued is taken up for it."""
        conductor = self._live.get(run)
        if conductor is not None:
            conductor.cancel(why, by)
        else:  # whatever room there is: ending a run must not wait for others
            self._free -= 1
            self._tasks.start_soon(self._take_up, run, [lambda conductor: conductor.cancel(why, by)])

    def wake(self, run: str, place: str) -> None:
        """A parked place is due, or what it waited for is there."""
        conductor = self._live.get(run)
        if conductor is not None:
            conductor.wake(place)
            return
        self._ready.setdefault(run, []).append(lambda conductor: conductor.wake(place))
        self._nudge()

    @property
    def live(self) -> int:
        """Runs that hold a slot."""
        return len(self._live)

    async def drain(self, seconds: float) -> bool:
        """Take no new runs and give those under way `seconds`; whether all came to an end or to rest."""
        self.draining = True
        with anyio.move_on_after(seconds):
            while self._live:
                run = next(iter(self._live))
                event = anyio.Event()
                self._ended.setdefault(run, []).append(event)
                await event.wait()
        for conductor in self._live.values():
            conductor.recorder.flush(at=self._services.clock.wall(), waiting=False)
        return not self._live

    # ---------------------------------------------------------------------------------------------------- machinery

    async def recover(self) -> int:
        """
        Take up what an earlier process left: live runs in order of age, queued ones by claim. Returns how many were
        live.
        """
        self._queued = (await self._services.store.counts()).get("queued", 0)
        found = await self._services.store.live()
        for row in found:
            if not row.waiting:
                self._cut_off.add(row.run)
                self._ready.setdefault(row.run, [])
        self._nudge()
        return len(found)

    async def pump(self) -> None:
        """Give free slots to runs: first those that woke, then the oldest queued."""
        while True:
            await self._pump_wanted.wait()
            self._pump_wanted = anyio.Event()
            while self._free > 0 and self._ready and not self.draining:
                run = next(iter(self._ready))
                orders = self._ready.pop(run)
                self._free -= 1
                self._tasks.start_soon(self._take_up, run, orders)
            if self._free > 0 and self._queued > 0 and not self._blocked and not self.draining:
                await self._claim()

    async def tick(self) -> None:
        """Hand over starts that wait for company, so that lists show what runs."""
        while True:
            await self._services.clock.sleep(_TICK)
            for conductor in list(self._live.values()):
                conductor.recorder.flush(at=self._services.clock.wall(), waiting=False)

    async def _claim(self) -> None:
        wanted = self._free
        self._free -= wanted
        claimed: list[Claimed] = []
        try:
            claimed = list(await self._services.store.claim(self._services.store.boot, wanted))
        except StoreError as error:
            _log.warning("queued runs cannot be taken up: %s", error)
        self._free += wanted - len(claimed)
        self._queued -= len(claimed)
        self._blocked = not claimed
        if self._blocked:
            self._queued = (await self._services.store.counts()).get("queued", 0)
        for claim in claimed:
            self._tasks.start_soon(self._take_up, claim.run, list[Order]())

    async def _take_up(self, run: str, orders: list[Order]) -> None:
        """Fold a run that lies in the store and go on with it; the slot is taken already."""
        try:
            loaded = await self._loader.stored(run) if run not in self._live else None
        except RunnerError as error:
            _log.error("run %s cannot be taken up and is failed: %s", run, error)
            await self._admissions.end_unreadable(run, f"the run's journal cannot be used: {error}")
            self._released(run)
            return
        if loaded is None or run in self._live:
            self._give_back(run, orders)
            return
        self._live[run] = loaded.conductor
        for order in orders:
            order(loaded.conductor)
        await self._go(loaded)

    def _give_back(self, run: str, orders: list[Order]) -> None:
        self._free += 1
        for order in orders:
            if run in self._live:
                order(self._live[run])
        self._nudge()

    def _start(self, accepted: AcceptedRun) -> None:
        run = Run(accepted.run, accepted.plan)
        intents = evolve(run, accepted.first)
        loaded = self._loader.loaded(run, seq=1)
        self._live[run.id] = loaded.conductor
        self._tasks.start_soon(self._go, loaded, intents, accepted)

    async def _go(
        self, loaded: Loaded, intents: list[Intent] | None = None, accepted: AcceptedRun | None = None
    ) -> None:
        conductor, context = loaded
        run = conductor.run
        try:
            if accepted is not None:
                await context.open(inputs=accepted.inputs, trigger=accepted.trigger)
            else:
                await context.open()
            if run.id in self._cut_off:
                self._cut_off.discard(run.id)
                self._loader.recovered(conductor)
            how = await conductor.go(outstanding(run) if intents is None else intents)
            if how == "ended":
                await conductor.recorder.durable()
        except RunnerError as error:
            _log.error("run %s is left as it lies in the store: %s", run.id, error)
            self._left.add(run.id)
            self._released(run.id)
            return
        except Exception:  # noqa: BLE001  one run's defect must not end the others
            _log.exception("run %s broke the engine; it is left as it lies in the store", run.id)
            self._left.add(run.id)
            self._released(run.id)
            return
        self._released(run.id)
        if how == "ended" and run.accepted is not None and run.accepted.parent is not None:
            self.wake(run.accepted.parent.run, run.accepted.parent.place)
        elif conductor.has_messages:
            self.wake(run.id, RUN_PLACE)
        else:
            self.wakeups.nudge()

    def _released(self, run: str) -> None:
        self._live.pop(run, None)
        self._free += 1
        self._blocked = False
        for event in self._ended.pop(run, []):
            event.set()
        self._nudge()

    def _nudge(self) -> None:
        self._pump_wanted.set()


@asynccontextmanager
async def open_dispatcher(services: Services, admissions: Admissions) -> AsyncIterator[Dispatcher]:
    """
    A dispatcher that works inside the block; leaving it cuts off what still runs (the journal has what is needed).
    """
    async with anyio.create_task_group() as tasks:
        dispatcher = Dispatcher(services, admissions, tasks)
        tasks.start_soon(dispatcher.pump)
        tasks.start_soon(dispatcher.tick)
        tasks.start_soon(dispatcher.wakeups.watch)
        try:
            yield dispatcher
        finally:
            tasks.cancel_scope.cancel()
