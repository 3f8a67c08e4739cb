"""
One attempt of an executor's action: render, decode, execute, judge.

    Node ──► config rendered (secrets resolved now) ──► Executor.execute ──► until, output ──► Finished

`runner.engine.run` starts it in a scope of its own once everything that it is computed from is on disk, and applies
the `Finished` that comes back. Nothing in here changes the run. It never raises: whatever happens becomes an outcome,
and only a cancellation goes on upward.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import anyio
import msgspec

from runner.definitions.fields import decode
from runner.engine.bounds import check_value
from runner.engine.context import Context
from runner.engine.failures import action_error
from runner.engine.plan import ActionPlan
from runner.engine.recorder import Recorder
from runner.engine.retry import delay, may_retry
from runner.engine.services import Destinations, Services
from runner.engine.state import Node, Run
from runner.errors import ActionError, PermanentError, TemporaryError
from runner.events import Finished
from runner.expressions.labels import NO_LABELS, Labelled, Labels, Names, Path, wrap
from runner.origins import Origin
from runner.ports import Result, Sealer

SENSITIVE: Final = frozenset({"sensitive"})
"""The name that masked parts named by an action's `sensitive` show."""


KeepPage = Callable[[Result], Awaitable[None]]


class AttemptCall:
    """The `Call` of `runner.ports` for one attempt."""

    __slots__ = (
        "_destinations", "_generation", "_keep", "_sealer", "_shown", "attempt", "keyed", "left", "pages", "place",
        "run", "timeout", "workflow",
    )  # fmt: skip

    def __init__(
        self,
        node: Node,
        run: Run,
        services: Services,
        pages: Sequence[Result],
        keep: KeepPage,
        shown: Callable[[str], str],
    ) -> None:
        self.run = run.id
        self.workflow = run.plan.workflow.name
        self.place = node.place
        self.attempt = node.attempt
        self.timeout: float | None = node.plan.action.timeout
        self.pages = pages
        self.left = False
        self.keyed = False
        self._generation = node.generation
        self._sealer: Sealer = services.sealer
        self._destinations: Destinations = services.destinations
        self._keep = keep
        self._shown = shown

    def idempotency_key(self, page: int = 0) -> str:
        """The same on every attempt and after recovery: who asked for it can be tried again, whatever became of it."""
        self.keyed = True
        return self._sealer.idempotency_key(self.run, str(self._generation), self.place, str(page))

    def leaving(self) -> None:
        """What may have an effect outside is about to be sent: from here on a loss is `unknown`."""
        self.left = True

    async def keep_page(self, page: Result) -> None:
        """Journal a page, so that a repeated attempt need not fetch it again."""
        await self._keep(page)

    def seal(self, data: bytes) -> bytes:
        """Under the run's key."""
        return self._sealer.seal(self.run, data)

    def unseal(self, data: bytes) -> bytes:
        """What an attempt of this run sealed."""
        return self._sealer.open(self.run, data)

    async def bound(self, names: Names, data: Sequence[bytes] = ()) -> Mapping[str, Sequence[Origin]]:
        """Which secrets may go to some origins only."""
        return await self._destinations.bound(names, data)

    def sending(self, names: Names, to: Origin) -> None:
        """What was let go; of an origin that is itself a secret only the mask is told."""
        self._destinations.sent(names, self._shown(str(to)))

    def refused(self, secret: str, to: str) -> None:
        """What was not; where it was to go is told as above."""
        self._destinations.refused(secret, self._shown(to), self.workflow)


async def carry_out(
    node: Node, call: AttemptCall, context: Context, recorder: Recorder, services: Services
) -> tuple[Finished, Labelled | None]:
    """The attempt's end, and the value that it got as the run goes on to use it."""
    try:
        value = await _within_timeout(node, context, services, call)
        stored = await recorder.store(value)
    except Exception as caught:  # noqa: BLE001  an executor's defect must end its action and nothing else
        error = action_error(caught, f"the {node.plan.type} executor", effect="unknown" if call.left else "none")
        return failed(node, error, recorder, services, keyed=call.keyed), None
    at = services.clock.wall()
    end = Finished(at, node.place, node.attempt, "succeeded", node.generation, effect="done", value=stored)
    return end, value


def failed(node: Node, error: ActionError, recorder: Recorder, services: Services, *, keyed: bool = False) -> Finished:
    """The end of an attempt that did not do, with the time of the next one where there is one."""
    retry_at: float | None = None
    retry = node.plan.retry
    now = services.clock.wall()
    if retry is not None and not node.halted and may_retry(retry, node.attempt, error, keyed=keyed):
        retry_at = now + delay(retry, node.attempt, error, services.jitter())
    return Finished(
        at=now,
        place=node.place,
        attempt=node.attempt,
        generation=node.generation,
        outcome="failed",
        effect=error.effect,
        error=recorder.failure(error, attempts=node.attempt, action=node.place),
        retry_at=retry_at,
    )


def cancelled(node: Node, services: Services, *, left: bool) -> Finished:
    """The end of an attempt that was cut off."""
    return Finished(
        at=services.clock.wall(),
        place=node.place,
        attempt=node.attempt,
        generation=node.generation,
        outcome="cancelled",
        effect="unknown" if left else "none",
    )


async def _within_timeout(node: Node, context: Context, services: Services, call: AttemptCall) -> Labelled:
    if call.timeout is None:
        return await _attempt(node, context, services, call)
    try:
        with anyio.fail_after(call.timeout):
            return await _attempt(node, context, services, call)
    except TimeoutError:
        raise TemporaryError(
            f"no answer within {call.timeout:g} s (timeout)", kind="timeout", effect="unknown" if call.left else "none"
        ) from None


async def _attempt(node: Node, context: Context, services: Services, call: AttemptCall) -> Labelled:
    plan = node.plan
    assert plan.config is not None
    assert plan.model is not None
    scope = await context.scope(plan.config, node.body, node=node, at=node.started_at)
    rendered = plan.config.template.evaluate(scope)
    context.mask_from_now(rendered)
    try:
        config = decode(wrap(rendered), plan.model)
    except msgspec.ValidationError as invalid:
        raise PermanentError(f"config: {invalid}", kind="config") from None
    result = await services.executors[plan.type].execute(config, call)
    got = Labelled(result.value, with_sensitive(plan, result.labels, result.value))
    context.mask_from_now(got)
    return await judged(node, got, context)


async def judged(node: Node, got: Labelled, context: Context) -> Labelled:
    """
    What the action's value is, after `until` and `output`.

    Raises TemporaryError (`until`) while the condition is false, EvaluationError, SecretError.
    """
    plan = node.plan
    if plan.until is not None:
        scope = await context.scope(plan.until, node.body, node=node, this=got, at=node.started_at)
        if not plan.until.template.test(scope):
            raise TemporaryError(f"`until` was still false after attempt {node.attempt}", kind="until", effect="done")
    if plan.output is None:
        return got
    scope = await context.scope(plan.output, node.body, node=node, this=got, at=node.started_at)
    value = plan.output.template.evaluate(scope)
    check_value(value.value, context.limits.value_size)
    return value


def with_sensitive(plan: ActionPlan, labels: Labels, value: Any) -> Labels:
    """The labels and those of the paths that the action calls sensitive; a path that leads nowhere labels nothing."""
    if not plan.sensitive:
        return labels
    found: dict[Path, frozenset[str]] = dict(labels)
    for path in plan.sensitive:
        if _leads_somewhere(value, path):
            found[path] = found.get(path, frozenset()) | SENSITIVE
    return found or NO_LABELS


def _leads_somewhere(value: Any, path: Path) -> bool:
    for step in path:
        inside = step in value if isinstance(value, dict) else isinstance(value, list) and step in range(len(value))
        if inside:
            value = value[step]
        else:
            return False
    return True
