"""
Make an accepted run out of a request for one.

    Submission ──► workflow of the catalog, inputs checked, plan compiled ──► Admission ──► Store.admit ──► Accepted

Called by `runner.engine.dispatcher` alone. Everything that can be wrong with a request is found before anything is
written; the run's first journal row and its place in the queue are one transaction of the store.
"""

import hashlib
import secrets
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from runner.definitions.model import Workflow
from runner.engine.inputs import checked_inputs
from runner.engine.last import last_value
from runner.engine.plan import Plan, make_plan
from runner.engine.recorder import Recorder
from runner.engine.services import Services
from runner.errors import ExpressionError, RefusedError, StoreFormatError
from runner.events import Accepted, Ended, Failure, Parent, Stored, encode
from runner.expressions.labels import Labelled
from runner.expressions.scope import MappingScope
from runner.ports import Admission, Admitted, Append, Last, RunChange
from runner.records import Firing

Catalog = Callable[[str], Workflow | None]
"""The workflow of that name in the current catalog."""

_PLANS: Final = 256
"""Compiled plans kept in memory; one more drops the oldest."""

_CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """
    A request for a run. `definition` is a workflow that is in no catalog (`runner run FILE`).

    `child_key` tells the children of one parent apart: their ids come from it.
    `answers` is the index of the trigger whose `response` the run makes for a waiting caller.
    """

    workflow: str = ""
    definition: Workflow | None = None
    inputs: Labelled = Labelled({})
    trigger: Labelled = Labelled(None)
    kind: str = "hand"
    parent: Parent | None = None
    child_key: str = ""
    dedupe: str | None = None
    dedupe_until: float | None = None
    answers: int | None = None
    firing: Firing | None = None


class AcceptedRun(NamedTuple):
    """What became of a submission, and what a run that may start at once needs."""

    admitted: Admitted
    run: str
    plan: Plan
    first: Accepted
    inputs: Labelled
    trigger: Labelled


class Admissions:
    """Checks and admits; keeps the compiled plans."""

    def __init__(self, services: Services, catalog: Catalog) -> None:
        self._services = services
        self._catalog = catalog
        self._plans: dict[str, Plan] = {}
        self._by_workflow: dict[int, tuple[Workflow, Plan]] = {}

    async def admit(self, submission: Submission, *, start: bool) -> AcceptedRun:
        """Accept or refuse; durable when it returns. Raises RefusedError, StoreDegradedError."""
        plan = self._plan(submission)
        workflow = plan.workflow
        given = submission.inputs
        inputs = checked_inputs(workflow.inputs, given, what=workflow.name) if workflow.inputs or given.value else given
        run = self.child_id(submission) if submission.parent else self.fresh_id()
        recorder = self._recorder(run, workflow.name, inputs, submission.trigger)
        first = await self._accepted(submission, plan, recorder, inputs)
        services = self._services
        concurrency = workflow.concurrency
        admitted = await services.store.admit(
            Admission(
                run=run,
                workflow=workflow.name,
                revision=plan.revision,
                definition=plan.definition,
                first=recorder.asking(first),
                trigger=submission.kind,
                labels=workflow.labels,
                parent=submission.parent,
                key=self._key(plan, inputs, submission.trigger),
                limit=concurrency.limit if concurrency else None,
                max_queued=concurrency.max_queued if concurrency else 0,
                when_full=concurrency.when_full if concurrency else "queue",
                dedupe=submission.dedupe,
                dedupe_until=submission.dedupe_until,
                firing=submission.firing,
                start=start,
            )
        )
        if admitted.verdict == "full" and concurrency is not None:
            raise RefusedError(
                f"{workflow.name}: its queue is full ({concurrency.max_queued} runs: max_queued)",
                reason="full",
            )
        return AcceptedRun(admitted, run, plan, first, inputs, submission.trigger)

    async def plan_of(self, revision: str) -> Plan:
        """The plan of a stored revision. Raises StoreError; StoreFormatError where it can no longer be compiled."""
        plan = self._plans.get(revision)
        if plan is None:
            workflow = await self._services.store.definition(revision)
            plan = self._keep(self._compiled(workflow))
        return plan

    def fresh_id(self) -> str:
        """The id of a run that nobody's run asked for."""
        return new_run_id(self._services.clock.wall())

    def child_id(self, submission: Submission) -> str:
        """The id of a `workflow` action's run, derived, so that a resumed parent finds it."""
        parent = submission.parent
        assert parent is not None
        digest = hashlib.sha256(f"{parent.run} {submission.child_key}".encode()).digest()
        return parent.run[:10] + _base32(int.from_bytes(digest[:10], "big"), 16)

    async def end(self, run: str, kind: str, message: str) -> None:
        """End a run without going through it, as failed with an error of that kind. Raises StoreError."""
        store, at = self._services.store, self._services.clock.wall()
        ended = Ended(at, "failed", error=Failure(type=kind, message=message))
        await store.append(
            Append(
                run=run,
                boot=store.boot,
                seq=await store.last_seq(run) + 1,
                at=at,
                events=encode((ended,)),
                change=RunChange(state="failed", ended_at=at, error=message),
                waiting=False,
            )
        )

    def _plan(self, submission: Submission) -> Plan:
        workflow = submission.definition or self._catalog(submission.workflow)
        if workflow is None:
            raise RefusedError(f"there is no workflow {submission.workflow!r}", reason="unknown")
        known = self._by_workflow.get(id(workflow))
        if known is not None and known[0] is workflow:
            return known[1]
        plan = self._keep(self._compiled(workflow))
        if len(self._by_workflow) >= _PLANS:
            self._by_workflow.pop(next(iter(self._by_workflow)))
        self._by_workflow[id(workflow)] = (workflow, plan)
        return plan

    def _compiled(self, workflow: Workflow) -> Plan:
        try:
            return make_plan(workflow, self._services.types)
        except KeyError as error:
            raise StoreFormatError(f"{workflow.name}: no executor for type {error} is installed") from None
        except ExpressionError as error:
            raise StoreFormatError(f"{workflow.name}: its revision cannot be compiled: {error}") from None

    def _keep(self, plan: Plan) -> Plan:
        if len(self._plans) >= _PLANS:
            self._plans.pop(next(iter(self._plans)))
        return self._plans.setdefault(plan.revision, plan)

    def _recorder(self, run: str, workflow: str, *values: Labelled) -> Recorder:
        services = self._services
        redactor: Any = services.redactor
        if any(value.labels for value in values):
            redactor = services.redactor.child()
            for value in values:
                redactor.add(value)
        return Recorder(
            run,
            workflow,
            boot=services.store.boot,
            seq=0,
            journal=services.store,
            redactor=redactor,
            sealer=services.sealer,
            sink=services.sink,
            limits=services.limits,
        )

    async def _accepted(self, submission: Submission, plan: Plan, recorder: Recorder, inputs: Labelled) -> Accepted:
        now = self._services.clock.wall()
        last = await self._services.store.last(plan.workflow.name) if plan.uses_last else None
        timeout = plan.workflow.timeout
        return Accepted(
            at=now,
            workflow=plan.workflow.name,
            revision=plan.revision,
            inputs=await recorder.store(inputs),
            trigger=await recorder.store(submission.trigger),
            parent=submission.parent,
            answers=submission.answers,
            deadline=now + timeout if timeout is not None else None,
            last=await self._last(last, recorder) if last is not None else None,
            failures=last.failures if last is not None else 0,
        )

    async def _last(self, last: Last, recorder: Recorder) -> Stored | None:
        value = await last_value(last, self._services.store, self._services.sealer)
        return None if value is None else await recorder.store(value)

    def _key(self, plan: Plan, inputs: Labelled, trigger: Labelled) -> str | None:
        if plan.concurrency_key is None:
            return None
        scope = MappingScope({"input": inputs, "trigger": trigger}, now=self._services.clock.wall())
        value = plan.concurrency_key.template.evaluate(scope).value
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def new_run_id(wall: float) -> str:
    """26 characters that sort by time: 10 of milliseconds, 16 at random (a ULID in lower case)."""
    return _base32(int(wall * 1000), 10) + _base32(secrets.randbits(80), 16)


def first_run_id(wall: float) -> str:
    """What no id of a run that was accepted from `wall` on is below, and every earlier one is."""
    return _base32(int(wall * 1000), 10)


def _base32(number: int, length: int) -> str:
    digits = [_CROCKFORD[(number >> (5 * place)) & 31] for place in range(length - 1, -1, -1)]
    return "".join(digits)
