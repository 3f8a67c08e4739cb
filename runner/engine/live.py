"""
The runs in memory: who has a slot, who waits for one, taking up and letting go.

    start(run just accepted) ──────────────► conductor in a slot ──► ended: whoever waits is told
    ready(run of the store) ──pump──► fold ──►      │  ▲
    queued runs ──claim──────────────► fold ──►     └──┘ parked: rows in the store, no object here (design §2.8)

A run is in here once, however many ask for it: whoever comes while it is taken up gives his orders to that one.
`runner.engine.dispatcher` decides what comes in, `runner.engine.recovery` feeds what an earlier process left.
"""

import logging
from collections.abc import Iterable
from functools import partial

import anyio
import anyio.abc

from runner.engine.admission import AcceptedRun
from runner.engine.deadlines import RUN_PLACE
from runner.engine.evolve import evolve
from runner.engine.intents import Intent
from runner.engine.loading import Loaded, Loader
from runner.engine.orders import Order, Wake
from runner.engine.outstanding import outstanding
from runner.engine.queued import QueuedRuns
from runner.engine.releases import Releases
from runner.engine.run import Conductor
from runner.engine.services import Services
from runner.engine.state import Run
from runner.engine.wakeups import Wakeups
from runner.errors import RunnerError
from runner.events import Ended
from runner.ports import Claimed

_log = logging.getLogger(__name__)

_TICK = 1.0
"""Seconds between looks at attempts whose start was not yet handed over, so that a long one is seen to run."""

MOST_READY = 100
"""Runs of an earlier process that wait for a slot in memory; the others are read when these have one."""


class LiveRuns:
    """
    Runs in memory, and `free` slots; while `recovering` the older runs go first.

    `held` are those that must not be taken up yet; `left` those that lie in the store until the next start. While a run
    is `alone` nothing else begins or goes on: what comes in is queued, what is due waits.
    """

    def __init__(self, services: Services, loader: Loader, tasks: anyio.abc.TaskGroup) -> None:
        self._services = services
        self._loader = loader
        self._tasks = tasks
        self.free = services.limits.max_concurrent_runs
        self.queued = QueuedRuns(services.store)
        self.conductors: dict[str, Conductor] = {}
        self.held: dict[str, list[Order]] = {}
        self.left: set[str] = set()
        self.recovering = False
        self.draining = False
        self.alone: str | None = None
        self._ready: dict[str, list[Order]] = {}
        self._taking: dict[str, list[Order]] = {}
        self._pump_wanted = anyio.Event()
        self._drained = anyio.Event()
        self.releases = Releases()
        self.wakeups = Wakeups(services.store, services.clock, lambda run, place: self.tell(run, Wake(place)))

    # ------------------------------------------------------------------------------------------------ runs come in

    @property
    def has_room(self) -> bool:
        """Whether a new run may start at once: there is a slot, and nobody older waits for it."""
        return self.free > 0 and not self._ready and not self.recovering and self.alone is None

    def tell(self, run: str, order: Order) -> None:
        """Give a run an order; one that lies in the store is taken up for it when there is a slot."""
        known = self._taking.get(run, self.held.get(run))
        if known is not None:
            known.append(order)
        elif run in self.conductors:
            self.conductors[run].tell(order)
        else:
            self.ready(run, order)

    def tell_at_once(self, run: str, order: Order) -> None:
        """The same, whatever room there is: ending a run must not wait for others."""
        if self.in_memory(run):
            self.tell(run, order)
            return
        orders = [*self._ready.pop(run, ()), *self.held.pop(run, ()), order]
        self._take(run, orders)

    def ready(self, run: str, *orders: Order) -> None:
        """Take a stored run up when there is a slot."""
        self._ready.setdefault(run, []).extend(orders)
        self.nudge()

    def arrived(self, *, is_held: bool) -> None:
        """One more run is queued; one that its limit does not hold found no slot, and there may be one by now."""
        self.queued.arrived(is_held=is_held)
        if not is_held:
            self.nudge()

    def let_others_in(self, run: str) -> None:
        """The run, if it is the one that is `alone`, is that no longer."""
        if self.alone == run:
            self.alone = None
            self.nudge()

    def knows(self, run: str) -> bool:
        """Whether the run is in memory, or on its way."""
        return self.in_memory(run) or run in self._ready or run in self.held

    def in_memory(self, run: str) -> bool:
        """Whether the run hears what it is told without a wait for a slot."""
        return run in self.conductors or run in self._taking

    def borrow(self, run: str, *orders: Order) -> list[Order]:
        """Keep a run that lies in the store from being taken up; its orders, to which further ones come."""
        self._taking[run] = gathered = [*self._ready.pop(run, ()), *orders]
        return gathered

    def give_back(self, run: str, *orders: Order) -> None:
        """The end of a `borrow`: the run goes on when there is a slot, unless it is held."""
        del self._taking[run]
        self._drained.set()
        if run in self.held:
            self.held[run].extend(orders)
        else:
            self.ready(run, *orders)

    def say_if_cut_off(self, loaded: Loaded) -> None:
        """Journal that an earlier process left the run in its middle, where one did, before anything else happens."""
        was_claimed = self.queued.taken_up(loaded.conductor.run.id)
        if loaded.was_cut_off and not was_claimed:
            self._loader.recovered(loaded.conductor)

    def start(self, accepted: AcceptedRun) -> None:
        """Begin a run that was just accepted; its slot is taken already."""
        run = Run(accepted.run, accepted.plan)
        intents = evolve(run, accepted.first)
        self.go_on(self._loader.loaded(run, seq=1), intents, accepted)

    def go_on(self, loaded: Loaded, intents: list[Intent], accepted: AcceptedRun | None = None) -> None:
        """Go on with a run that is in memory; its slot is taken already."""
        self.left.discard(loaded.conductor.run.id)
        self.conductors[loaded.conductor.run.id] = loaded.conductor
        self._tasks.start_soon(self._go, loaded, intents, accepted)

    # -------------------------------------------------------------------------------------------------- who waits

    async def at_rest(self) -> None:
        """Come back when nothing is in memory."""
        while self.conductors or self._taking:
            self._drained = anyio.Event()
            await self._drained.wait()

    async def handed_on(self) -> None:
        """Come back when fewer than `MOST_READY` runs wait for a slot."""
        while len(self._ready) >= MOST_READY:
            self._drained = anyio.Event()
            await self._drained.wait()

    def hand_over(self, runs: Iterable[str]) -> None:
        """Hand the events so far of these runs to the journal, those that wait for company too."""
        for run in runs:
            conductor = self.conductors.get(run)
            if conductor is not None:
                conductor.recorder.flush(at=self._services.clock.wall(), waiting=False)

    # ---------------------------------------------------------------------------------------------------- machinery

    async def pump(self) -> None:
        """Give free slots to runs: first those that are ready, then the oldest queued."""
        while True:
            await self._pump_wanted.wait()
            self._pump_wanted = anyio.Event()
            while self.free > 0 and not self.draining and (run := self._next()) is not None:
                self._take(run, self._ready.pop(run))
            self._drained.set()
            may_claim = not self.draining and not self.recovering and self.alone is None
            if self.free > 0 and may_claim and self.queued.may_go:
                await self._claim()

    def _next(self) -> str | None:
        if self.alone is not None:
            return self.alone if self.alone in self._ready else None
        return next(iter(self._ready), None)

    async def tick(self) -> None:
        """Hand over starts that wait for company, so that lists show what runs; look for what runs here have parked."""
        while True:
            await self._services.clock.sleep(_TICK)
            self.hand_over(list(self.conductors))
            if self.conductors:
                self.wakeups.nudge()

    def nudge(self) -> None:
        """Something changed: look who may have a slot."""
        self._pump_wanted.set()

    async def _claim(self) -> None:
        wanted = self.free
        self.free -= wanted
        claimed = await self.queued.claim(wanted)
        self.free += wanted
        for claim in claimed:
            self._take(claim.run, [], claim)

    def _take(self, run: str, orders: list[Order], claimed: Claimed | None = None) -> None:
        """Take a slot, and the run out of the store."""
        known = self._taking.get(run)
        if known is not None:
            known.extend(orders)
            return
        self.free -= 1
        self._taking[run] = orders
        self._tasks.start_soon(self._take_up, run, claimed)

    async def _take_up(self, run: str, claimed: Claimed | None) -> None:
        """Fold a run that lies in the store and go on with it; the slot is taken already."""
        try:
            loaded = await self._loader.usable(run, claimed) if run not in self.conductors else None
        except RunnerError as error:
            self._leave(run, f"it cannot be read now: {error}")
            return
        except Exception:  # noqa: BLE001  one run's defect must not end the others
            _log.exception("run %s broke the engine", run)
            self._leave(run, "it broke the engine")
            return
        orders = self._taking.pop(run)
        if loaded is None:
            for order in orders:
                self.conductors[run].tell(order) if run in self.conductors else order.too_late()
            self._free_slot(run)
            return
        self.conductors[run] = loaded.conductor
        for order in orders:
            loaded.conductor.tell(order)
        await self._go(loaded)

    async def _go(
        self, loaded: Loaded, intents: list[Intent] | None = None, accepted: AcceptedRun | None = None
    ) -> None:
        conductor, context = loaded.conductor, loaded.context
        run = conductor.run
        try:
            if accepted is not None:
                await context.open(inputs=accepted.inputs, trigger=accepted.trigger)
            else:
                await context.open()
            self.say_if_cut_off(loaded)
            if run.id == self.alone:
                conductor.recorder.on_achieved = partial(self.let_others_in, run.id)
            how = await conductor.go(outstanding(run) if intents is None else intents)
            if how == "ended":
                await conductor.recorder.durable()
        except RunnerError as error:
            self._leave(run.id, str(error))
            return
        except Exception:  # noqa: BLE001  one run's defect must not end the others
            _log.exception("run %s broke the engine", run.id)
            self._leave(run.id, "it broke the engine")
            return
        self.conductors.pop(run.id, None)
        if how == "ended":
            for order in conductor.unread:
                order.too_late()
        elif conductor.unread or conductor.has_messages:
            self.ready(run.id, *(conductor.unread or [Wake(RUN_PLACE)]))
        self._free_slot(run.id, run.ended)
        parent = run.accepted.parent if run.accepted is not None else None
        if how == "ended" and parent is not None:
            self.tell(parent.run, Wake(parent.place))
        elif how == "parked":
            self.wakeups.nudge()

    def _leave(self, run: str, why: str) -> None:
        """Let a run lie in the store as it is: the next start takes it up."""
        _log.error("run %s is left as it lies in the store: %s", run, why)
        conductor = self.conductors.pop(run, None)
        for order in (*self._taking.pop(run, ()), *(conductor.unread if conductor is not None else ())):
            order.too_late()
        self.left.add(run)
        self._free_slot(run)

    def _free_slot(self, run: str, ended: Ended | None = None) -> None:
        self.free += 1
        self.queued.unblock()
        self.releases.announce(run, ended)
        self._drained.set()
        self.nudge()
