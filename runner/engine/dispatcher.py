"""
Accept runs, end what is asked to end, say what became of it.

    submit ──► Store.admit ──► running ──► LiveRuns ──► ended ──► wait, end
                     │                          │  ▲
                     └──► queued ──claim────────┘  └── parked in the store ──due──┘

The face of the engine: `runner.daemon` opens it with `open_dispatcher`; triggers, the command line and pages call
`submit`, `cancel_durably`, `wait` and `end`. Slots and what is in memory are `runner.engine.live`'s.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

import anyio
import anyio.abc

from runner.engine.admission import Admissions, Submission
from runner.engine.answers import Answers
from runner.engine.children import ChildRuns
from runner.engine.errands import Errands
from runner.engine.hindsight import Hindsight
from runner.engine.live import LiveRuns
from runner.engine.loading import Loader
from runner.engine.orders import Cancel, Wake
from runner.engine.recovery import Recovery, Starts
from runner.engine.releases import Release
from runner.engine.reruns import Reruns
from runner.engine.services import Services
from runner.errors import RefusedError, StoreError
from runner.events import About, CancelReason, Ended
from runner.ports import Admitted, RunRow


class Awaited(NamedTuple):
    """A run whose end somebody waits for. `release`: what he is told; None where the run is not new."""

    admitted: Admitted
    release: Release | None


class Dispatcher:
    """The dispatcher of one daemon. Made by `open_dispatcher`."""

    def __init__(self, services: Services, admissions: Admissions, tasks: anyio.abc.TaskGroup) -> None:
        self._services = services
        self._admissions = admissions
        children = ChildRuns(services.store, admissions, self.submit, self.cancel)
        self._loader = Loader(services, admissions, children)
        self._tasks = tasks
        self._errands = Errands(tasks)
        self._runs = LiveRuns(services, self._loader, tasks)
        self._recovery = Recovery(services, self._runs, self._loader, admissions)
        self._reruns = Reruns(services, self._loader)
        self._answers = Answers(services, self._runs, self._loader)
        self._hindsight = Hindsight(services, admissions)

    # ------------------------------------------------------------------------------------------------ runs come in

    async def submit(self, submission: Submission) -> Admitted:
        """
        Accept a run: when this returns it is on disk. It is carried out also where the caller is cancelled.

        Raises RefusedError for inputs that do not fit, an unknown workflow, a full queue, or while draining;
        StoreDegradedError while the disk refuses.
        """
        return await self._errands.to_the_end(partial(self._submit, submission))

    async def _submit(self, submission: Submission) -> Admitted:
        runs, room = self._runs, self._take_room("takes no new runs")
        spawned = False
        try:
            accepted = await self._admissions.admit(submission, start=room)
            if accepted.admitted.verdict == "running":
                runs.start(accepted)
                spawned = True
            else:
                self._queued(accepted.admitted, had_room=room)
        finally:
            if room and not spawned:
                runs.free += 1
                runs.nudge()
        return accepted.admitted

    async def submit_awaited(self, submission: Submission) -> Awaited:
        """The same for one who goes on to `end`: what happens to the run from here on is not missed."""
        admitted = await self.submit(submission)
        is_new = admitted.verdict in {"running", "queued"}
        return Awaited(admitted, self._runs.releases.of(admitted.run) if is_new else None)

    async def rerun(self, run: str, action: str = "", by: str = "") -> Admitted:
        """
        Let an ended run go on from its first unfinished action, or from `action` and what follows it.

        When this returns it is on disk. Raises RefusedError (`unknown`, `live`, `rerun`, `gone`, `full`, `skip`,
        `draining`), StoreError.
        """
        return await self._errands.to_the_end(partial(self._rerun, run, action, by))

    async def _rerun(self, run: str, action: str, by: str) -> Admitted:
        runs, room = self._runs, self._take_room("runs nothing again")
        spawned = False
        try:
            prepared = await self._reruns.prepared(run, action, by, start=room)
            admitted = await self._services.store.reopen(prepared.reopening)
            self._let_in(admitted)
            again = prepared.loaded.conductor.run
            self._services.sink.publish(
                again.id, again.plan.workflow.name, prepared.event, About("", 0.0, again.generation)
            )
            if admitted.verdict == "running":
                runs.go_on(prepared.loaded, prepared.intents)
                spawned = True
            else:
                runs.left.discard(again.id)
                self._queued(admitted, had_room=room)
        finally:
            if room and not spawned:
                runs.free += 1
                runs.nudge()
        return admitted

    def _let_in(self, admitted: Admitted) -> None:
        if admitted.verdict in {"skipped", "full"}:
            reason = "skip" if admitted.verdict == "skipped" else "full"
            why = (
                "another run has its place (when_full: skip)" if reason == "skip" else "the queue is full (max_queued)"
            )
            raise RefusedError(f"run {admitted.run} is not run again now: {why}", reason=reason)

    def _take_room(self, refusal: str) -> bool:
        """Whether there is a slot, which is then taken. Raises RefusedError while draining, or for a full queue."""
        runs = self._runs
        if runs.draining:
            raise RefusedError(f"the daemon is stopping and {refusal}", reason="draining")
        room = runs.has_room
        if not room and runs.queued.number >= self._services.limits.queued_runs:
            raise RefusedError(f"{runs.queued.number} runs are queued already (limits.queued_runs)", reason="full")
        runs.free -= room
        return room

    def _queued(self, admitted: Admitted, *, had_room: bool) -> None:
        if admitted.verdict == "queued":
            self._runs.arrived(is_held=had_room)
            for superseded in admitted.cancel:
                self.cancel(superseded, "newer")

    # -------------------------------------------------------------------------------------------------- runs go on

    async def wait(self, run: str) -> RunRow:
        """
        The run's row once it has ended. Raises RefusedError for an unknown run, StoreError for one that is left as it
        lies.
        """
        while True:
            released = self._runs.releases.of(run)
            if run not in self._runs.conductors and (row := await self._ended(run)) is not None:
                return row
            await released.wait()

    async def end(self, awaited: Awaited) -> Ended:
        """How an accepted run ended, once it has: from memory where it went through it. Raises as `wait`."""
        run, released = awaited.admitted.run, awaited.release
        while True:
            if released is not None:
                await released.wait()
                if released.ended is not None:
                    return released.ended
            released = self._runs.releases.of(run)  # it was let go for another reason: it rests, or was ended unread
            if run not in self._runs.conductors and await self._ended(run) is not None:
                ended = await self._services.store.end(run)
                if ended is None:
                    raise StoreError(f"run {run} has ended, and its journal does not say how")
                return ended

    async def _ended(self, run: str) -> RunRow | None:
        """The row of a run that lies in the store and has ended."""
        row = await self._services.store.get(run)
        if row is None:
            raise RefusedError(f"there is no run {run}", reason="unknown")
        if row.ended_at is not None:
            self._runs.releases.announce(run)
            return row
        if run in self._runs.left:
            raise StoreError(f"run {run} is left as it lies in the store; the log tells why")
        return None

    def cancel(self, run: str, why: CancelReason = "person", by: str = "") -> None:
        """Ask a live run to end; one that waits or is queued is taken up for it. Nobody hears whether it had ended."""
        self._runs.tell_at_once(run, Cancel(why, by))

    async def cancel_durably(self, run: str, by: str) -> str:
        """
        Ask a run to end, by its id or a prefix of it: when this returns its id, that is on disk and will be done.

        Raises RefusedError (`unknown`, `ended`: too late), StoreError.
        """
        row = await self._services.store.get(run)
        if row is None:
            raise RefusedError(f"there is no run {run[:40]!r}", reason="unknown")
        if row.ended_at is None:
            order = Cancel("person", by)
            self._runs.tell_at_once(row.id, order)
            await order.heard.wait()
            if order.durable is not None:
                await order.durable
                return row.id
            row = await self._services.store.get(row.id) or row
        if row.ended_at is None:
            raise StoreError(f"run {row.id} cannot be taken up; the log tells why")
        raise RefusedError(f"run {row.id} has ended ({row.state}): it cannot be cancelled", reason="ended")

    @property
    def answers(self) -> Answers:
        """What runs ask, and how they are answered."""
        return self._answers

    @property
    def hindsight(self) -> Hindsight:
        """What actions were sent, seen afterwards."""
        return self._hindsight

    def wake(self, run: str, place: str) -> None:
        """A parked place is due, or what it waited for is there."""
        self._runs.tell(run, Wake(place))

    def hand_over(self, run: str) -> None:
        """Hand what is known of the run so far to its journal, so that whoever reads it next sees it."""
        self._runs.hand_over([run])

    @property
    def live(self) -> int:
        """Runs that hold a slot."""
        return len(self._runs.conductors)

    @property
    def draining(self) -> bool:
        """It takes no new runs."""
        return self._runs.draining

    async def judge(self, starts: Starts) -> None:
        """
        Learn from `starts`, where it is remembered whether they ended by a stop, which runs are suspects.

        Called before anything new may come in, which would look as if it had been in flight at the kill; what comes in
        from here on is queued until `recover`. Without it no run is a suspect. Raises StoreError.
        """
        await self._recovery.judge(starts)

    async def recover(self) -> int:
        """
        Take up what an earlier process left: live runs in order of age, queued ones by claim. Returns how many were
        live; most of them are still to come in then.
        """
        self._runs.recovering = True
        found = await self._runs.queued.count()
        self._tasks.start_soon(self._recovery.stream)
        self._tasks.start_soon(self._recovery.try_each)
        self._tasks.start_soon(self._recovery.outlive)
        return found

    async def drain(self, seconds: float) -> bool:
        """Take no new runs and give those under way `seconds`; whether all came to an end or to rest."""
        self._runs.draining = True
        await self._recovery.stop()
        with anyio.move_on_after(seconds):
            await self._runs.at_rest()
        self._runs.hand_over(list(self._runs.conductors))
        return not self._runs.conductors

    async def work(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Give slots, wake who is due, for as long as the block around it lives."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._runs.pump)
            tasks.start_soon(self._runs.tick)
            tasks.start_soon(self._runs.wakeups.watch)
            task_status.started()


@asynccontextmanager
async def open_dispatcher(services: Services, admissions: Admissions) -> AsyncIterator[Dispatcher]:
    """
    A dispatcher that works inside the block; leaving it cuts off what still runs (the journal has what is needed).
    """
    async with anyio.create_task_group() as tasks:
        dispatcher = Dispatcher(services, admissions, tasks)
        tasks.start_soon(dispatcher.work)
        try:
            yield dispatcher
        finally:
            tasks.cancel_scope.cancel()
