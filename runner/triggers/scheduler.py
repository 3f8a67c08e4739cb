"""
Makes the firings of schedules: each scheduled time once, whatever clock and process do.

    catalog ──► Schedule ──decide()──► missed ──► a row that says so
                   ▲  mark           └► fire ──if, inputs──► submit: run, row and mark in one transaction
                   └───── store ◄──────────────────────────────┘

A time that cannot be decided now (the disk refuses, the daemon stops) stays undecided and is caught up later. One task
for all schedules: it sleeps until the earliest is due, half a minute at most, so that a clock put forward is seen.
"""

from typing import Literal, NamedTuple

from runner import log
from runner.clock import iso
from runner.definitions.catalog import Catalog
from runner.engine.admission import Submission
from runner.errors import RefusedError, RunnerError, StoreError
from runner.expressions.labels import Labelled
from runner.nudge import Nudge
from runner.records import Firing, FiringRow
from runner.triggers.catchup import Decision, decide
from runner.triggers.firing import Computed
from runner.triggers.looking import AGAIN, LONGEST, keep_looking
from runner.triggers.pauses import Pauses
from runner.triggers.schedule import Schedule
from runner.triggers.services import TriggerServices

_log = log.get("runner.triggers")


class _Scheduled(NamedTuple):
    schedule: Schedule
    computed: Computed


class Scheduler:
    """The schedules of the current catalog."""

    def __init__(self, services: TriggerServices, pauses: Pauses) -> None:
        self.nudge = Nudge(services.clock)
        self._services = services
        self._pauses = pauses
        self._scheduled: tuple[_Scheduled, ...] = ()

    def swap(self, catalog: Catalog) -> None:
        """From now on the schedules are those of this catalog."""
        self._scheduled = tuple(
            _Scheduled(schedule, Computed(entry.workflow, entry.workflow.triggers[schedule.number]))
            for entry in catalog.entries.values()
            for schedule in Schedule.all_of(entry.workflow)
        )
        self.nudge.set()

    async def watch(self) -> None:
        """Make what is due, for as long as the block around it lives."""
        await keep_looking(self.nudge, self.look, "schedules wait")

    async def look(self) -> float:
        """Decide everything that is due; how many seconds until there may be more. Raises StoreError."""
        store, clock = self._services.store, self._services.clock
        marks = await store.firings.marks()
        pause = LONGEST
        for each in self._scheduled:
            schedule = each.schedule
            if schedule.workflow in self._pauses:
                continue
            mark = marks.get((schedule.workflow, schedule.identity))
            if mark is None:
                mark = clock.wall()
                await store.firings.begin(Firing(schedule.workflow, schedule.identity, mark))
            pause = min(pause, await self._make(each, max(mark, store.restored_at or mark)))
        return max(0.0, pause)

    async def _make(self, each: _Scheduled, mark: float) -> float:
        decision = decide(each.schedule, mark, self._services.clock.wall())
        if decision.missed_until is not None:
            await self._missed(each.schedule, decision, decision.missed_until)
        for scheduled_at in decision.fire:
            if not await self._fire(each, scheduled_at):
                return AGAIN
        return LONGEST if decision.next_due is None else decision.next_due - self._services.clock.wall()

    async def _missed(self, schedule: Schedule, decision: Decision, until: float) -> None:
        count = f"{decision.missed} or more" if decision.more else str(decision.missed)
        message = f"{count} missed while nobody looked (catch_up: {schedule.config.catch_up})"
        _log.warning(
            "firings missed", workflow=schedule.workflow, trigger=str(schedule), until=iso(until), firings=count
        )
        await self._record(schedule, until, "missed", message, decision.missed)

    async def _fire(self, each: _Scheduled, scheduled_at: float) -> bool:
        """One firing; False where it stays undecided. Raises StoreError."""
        schedule, services = each.schedule, self._services
        value = Labelled({"scheduled_at": iso(scheduled_at)})
        try:
            if not await each.computed.applies(value, services):
                await self._record(schedule, scheduled_at, "ignored", "its if is false")
                return True
            admitted = await services.dispatcher.submit(
                Submission(
                    workflow=schedule.workflow,
                    inputs=await each.computed.filled(value, services),
                    trigger=value,
                    kind="schedule",
                    firing=Firing(schedule.workflow, schedule.identity, scheduled_at),
                )
            )
        except StoreError:
            raise
        except RunnerError as error:
            if isinstance(error, RefusedError) and error.reason == "draining":
                return False
            reason = error.reason if isinstance(error, RefusedError) else "error"
            await self._refuse(schedule, scheduled_at, services.redactor.text(str(error)), reason)
            return True
        if admitted.verdict == "skipped":
            await self._refuse(schedule, scheduled_at, "a run goes on already (concurrency.when_full: skip)", "skip")
        return True

    async def _refuse(self, schedule: Schedule, scheduled_at: float, message: str, reason: str) -> None:
        self._services.refused("schedule", schedule.workflow, reason)
        _log.warning(
            "firing refused",
            workflow=schedule.workflow,
            trigger=str(schedule),
            scheduled_at=iso(scheduled_at),
            error=message,
        )
        await self._record(schedule, scheduled_at, "refused", message)

    async def _record(
        self,
        schedule: Schedule,
        scheduled_at: float,
        outcome: Literal["ignored", "refused", "missed"],
        message: str,
        count: int = 1,
    ) -> None:
        row = FiringRow(
            schedule.workflow,
            schedule.identity,
            scheduled_at,
            self._services.clock.wall(),
            outcome,
            message=message,
            count=count,
        )
        await self._services.store.firings.record(row)
