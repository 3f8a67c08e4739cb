"""
Put a run into memory: fresh from its admission, or folded from its journal.

    run id ──stored()──► Loaded(conductor, context, …)       Run ──conductor()──► Loaded

`runner.engine.dispatcher` asks for it when a run has a slot. What a run is given here lives as long as it stays in
memory: a redactor of its own, a recorder that knows its last sequence number, a context.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from runner.engine.admission import Admissions
from runner.engine.context import Context
from runner.engine.evolve import evolve
from runner.engine.last import last_value
from runner.engine.plan import Plan
from runner.engine.recorder import Recorder
from runner.engine.resume import fold, in_flight
from runner.engine.run import Conductor
from runner.engine.services import Services
from runner.engine.state import Run
from runner.engine.waits import Children
from runner.errors import RunnerError, StoreReadError
from runner.events import AnyEvent, Failure, Finished, Recovered, Turn
from runner.ports import Claimed, JournalRow, RunRow

_log = logging.getLogger(__name__)


class Loaded(NamedTuple):
    """
    A run in memory. `was_cut_off`: it ran when an earlier process ended, and this one has not said so in its journal.

    `has_turn`: it was queued, and what it is given when it starts is to be fixed before anything else of it.
    """

    conductor: Conductor
    context: Context
    was_cut_off: bool = False
    has_turn: bool = False


class Loader:
    """Makes conductors."""

    def __init__(self, services: Services, admissions: Admissions, children: Children) -> None:
        self._services = services
        self._admissions = admissions
        self._children = children

    async def stored(self, run: str) -> Loaded | None:
        """
        The run as its journal has it; None where there is none, or it has ended.

        Raises StoreError, IllegalEventError where the journal cannot be used.
        """
        row = await self._services.store.get(run)
        if row is None or row.ended_at is not None:
            return None
        return await self.folded(row)

    async def usable(self, run: str, claimed: Claimed | None = None) -> Loaded | None:
        """
        The same, with its turn taken where it was queued; but a run whose journal cannot be used, or whose `$last`
        cannot be had, is ended by that name, and gives None too. A `claimed` one with its journal is not read.

        Raises StoreError where it cannot be read now.
        """
        try:
            loaded = await self._loaded(run, claimed)
            if loaded is not None and loaded.has_turn:
                await self._take_turn(loaded.conductor)
        except StoreReadError:
            raise
        except RunnerError as error:
            _log.error("run %s cannot be taken up and is failed: %s", run, error)
            await self._admissions.end(run, "unreadable", f"the run's journal cannot be used: {error}")
            return None
        return loaded

    async def folded(self, row: RunRow, *events: AnyEvent) -> Loaded:
        """The run as its journal has it, and as it is after `events`, which stand in no journal. Raises as `stored`."""
        plan = await self._admissions.plan_of(row.revision)
        rows = await self._services.store.read(row.id)
        loaded = self._folded(row.id, plan, rows, *events)
        ran = row.state == "running" and not row.waiting
        was_cut_off = ran and rows[-1].boot != self._services.store.boot
        return loaded._replace(was_cut_off=was_cut_off, has_turn=row.was_queued and loaded.has_turn)

    async def _loaded(self, run: str, claimed: Claimed | None) -> Loaded | None:
        if claimed is None or claimed.only is None:
            return await self.stored(run)
        return self._folded(run, await self._admissions.plan_of(claimed.revision), (claimed.only,))

    def _folded(self, run: str, plan: Plan, rows: Sequence[JournalRow], *events: AnyEvent) -> Loaded:
        """`has_turn` stands for a run that was queued when it was accepted, as is each that was claimed."""
        state = fold(run, plan, rows)
        for event in events:
            evolve(state, event)
        return self.loaded(state, seq=rows[-1].seq)._replace(has_turn=state.turn is None and plan.uses_start)

    def loaded(self, run: Run, *, seq: int) -> Loaded:
        """A run whose state is known; `seq` is the number of its last append."""
        services = self._services
        redactor = services.redactor.child()
        recorder = Recorder(
            run.id,
            run.plan.workflow.name,
            boot=services.store.boot,
            seq=seq,
            journal=services.store,
            redactor=redactor,
            sealer=services.sealer,
            sink=services.sink,
            limits=services.limits,
        )
        context = Context(
            run,
            recorder,
            redactor=redactor,
            resolver=services.resolver,
            callbacks=services.callbacks,
            limits=services.limits,
        )
        return Loaded(Conductor(run, context, recorder, services, self._children), context)

    async def _take_turn(self, conductor: Conductor) -> None:
        """Journal that a run starts which was queued: `$last` is what it is now, and its time begins."""
        store, plan, now = self._services.store, conductor.run.plan, self._services.clock.wall()
        last = await store.last(plan.workflow.name)
        value = await last_value(last, store, self._services.sealer) if plan.uses_last else None
        timeout = plan.workflow.timeout
        turn = Turn(
            now,
            deadline=now + timeout if timeout is not None else None,
            last=await conductor.recorder.store(value) if value is not None else None,
            failures=last.failures,
        )
        conductor.apply(turn)

    def recovered(self, conductor: Conductor) -> None:
        """
        Journal that an earlier process was cut off in the middle of the run, and what that means for its attempts.
        """
        now = self._services.clock.wall()
        conductor.apply(Recovered(now, self._services.store.boot))
        for node in in_flight(conductor.run):
            if node.plan.action.on_interrupt == "fail":
                error = Failure(
                    type="interrupted",
                    message="it was cut off by the end of the process (on_interrupt: fail)",
                    attempts=node.attempt,
                    action=node.place,
                )
                conductor.apply(
                    Finished(now, node.place, node.attempt, "interrupted", node.generation, "unknown", error=error)
                )
