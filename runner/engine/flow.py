"""
The types that the engine decides itself (`set`, `stop`, `wait`, `workflow`, `group`) and how any action begins.

    Enter ──enter()──► settled (skip, set, stop) | expanded | started
    Execute ──wait_event() / child_call()──► parked            EndBody ──group_ended() / run_ended()──► finished | ended

Decisions over rendered values: what an `if` says, which list a `for_each` has, what an output is. They come back as
events; `runner.engine.run` applies them. None of it waits for anything but secrets and values.
"""

from datetime import datetime
from typing import Any, Literal, NamedTuple

from runner.definitions.fields import Duration
from runner.engine.attempt import failed, judged, with_sensitive
from runner.engine.bounds import check_value
from runner.engine.context import Context
from runner.engine.failures import action_error
from runner.engine.recorder import Recorder
from runner.engine.response import made_response
from runner.engine.services import Services
from runner.engine.state import Body, Node
from runner.errors import PermanentError, TemporaryError
from runner.events import AnyEvent, Ended, Expanded, Failure, Finished, Parked, Settled, Started, Stored
from runner.expressions.labels import NO_LABELS, Labelled, below


class Decision(NamedTuple):
    """An event, and the value that it journals as the run goes on to use it."""

    event: AnyEvent
    value: Labelled | None = None


class ChildCall(NamedTuple):
    """A `workflow` action's rendered config."""

    name: str
    inputs: Labelled
    wait: bool


class Flow:
    """The flow decisions of one run."""

    def __init__(self, context: Context, recorder: Recorder, services: Services) -> None:
        self._context = context
        self._recorder = recorder
        self._services = services

    async def enter(self, node: Node) -> Decision:
        """How an action or item begins; whatever goes wrong ends it as failed."""
        try:
            if node.loops:
                return await self._expand(node)
            if not await self._applies(node):
                return Decision(Settled(self._now(), node.place, "skipped"))
            if node.plan.type == "set":
                return await self._set(node)
            if node.plan.type == "stop":
                return await self._stop(node)
        except Exception as caught:  # noqa: BLE001  a defect must end its action and nothing else
            error = action_error(caught, f"the {node.plan.type} action")
            failure = self._recorder.failure(error, action=node.place)
            return Decision(Settled(self._now(), node.place, "failed", error=failure))
        return Decision(self.started(node, 1))

    def started(self, node: Node, attempt: int) -> Started:
        """An attempt's beginning."""
        return Started(self._now(), node.place, attempt, node.generation)

    async def wait_event(self, node: Node) -> Decision:
        """What a `wait` waits for."""
        try:
            config = await self._rendered(node)
            parked = self._parked(node, config.value)
        except Exception as caught:  # noqa: BLE001  a defect must end its action and nothing else
            return Decision(failed(node, action_error(caught, "the wait action"), self._recorder, self._services))
        return Decision(parked)

    def parked_for_child(self, node: Node, child: str, until: float | None) -> Parked:
        """Waiting for a child run, at most until `until`."""
        return Parked(self._now(), node.place, until=until, child=child)

    async def child_call(self, node: Node) -> ChildCall:
        """What a `workflow` action calls. Raises ExpressionError, SecretError."""
        config = await self._rendered(node)
        inputs = Labelled(config.value.get("inputs") or {}, below(config.labels, "inputs"))
        return ChildCall(str(config.value["name"]), inputs, config.value.get("wait", True) is not False)

    async def flow_finished(self, node: Node, value: Labelled) -> Decision:
        """The end of a `wait` or `workflow` that got its value."""
        try:
            labelled = Labelled(value.value, with_sensitive(node.plan, value.labels, value.value))
            kept = await judged(node, labelled, self._context)
            stored = await self._recorder.store(kept)
        except Exception as caught:  # noqa: BLE001  a defect must end its action and nothing else
            return Decision(failed(node, action_error(caught, node.plan.type), self._recorder, self._services))
        return Decision(self._succeeded(node, stored), kept)

    def joined(self, node: Node) -> Settled:
        """The end of a `for_each` whose items have all ended."""
        assert node.items is not None
        if node.items.failed is not None:
            return Settled(self._now(), node.place, "failed", error=node.items.failed)
        return Settled(self._now(), node.place, "cancelled" if node.halted else "succeeded")

    async def group_ended(self, body: Body) -> Decision:
        """The end of a group's attempt."""
        node = body.parent
        assert node is not None
        if node.halted:
            return Decision(Finished(self._now(), node.place, node.attempt, "cancelled", node.generation))
        if body.error is not None:
            return Decision(self._group_failed(node, body.error))
        try:
            got = await self._output(body)
            kept = await judged(
                node, Labelled(got.value, with_sensitive(node.plan, got.labels, got.value)), self._context
            )
            stored = await self._recorder.store(kept)
        except Exception as caught:  # noqa: BLE001  a defect must end its action and nothing else
            return Decision(failed(node, action_error(caught, "the group"), self._recorder, self._services))
        return Decision(self._succeeded(node, stored), kept)

    async def run_ended(self, body: Body) -> Ended:
        """The end of the run, with its output."""
        run = self._context.run
        if body.cancelled:
            return Ended(self._now(), "cancelled", error=body.error, stopped_by=run.stopped_by)
        response = run.stop.response if run.stop else None
        place = "output"
        if body.error is not None:
            output = run.stop.value if run.stop else None
            return Ended(self._now(), "failed", output, body.error, run.stopped_by, response)
        try:
            if run.stop is not None and run.stop.value is not None:
                output = run.stop.value
            else:
                value = await self._output(body) if run.stop is None else Labelled(None)
                output = await self._recorder.store(value)
            if run.stop is None:
                place = "response"
                response = await self._response(body)
        except Exception as caught:  # noqa: BLE001  a defect must end the run as failed
            error = self._recorder.failure(action_error(caught, f"the run's {place}"), action=place)
            return Ended(self._now(), "failed", None, error, run.stopped_by, response)
        return Ended(self._now(), "succeeded", output, None, run.stopped_by, response)

    async def _applies(self, node: Node) -> bool:
        condition = node.plan.condition
        if condition is None:
            return True
        scope = await self._context.scope(condition, node.body, node=node, at=self._now())
        return condition.template.test(scope)

    async def _expand(self, node: Node) -> Decision:
        piece = node.plan.items
        assert piece is not None
        scope = await self._context.scope(piece, node.body, node=node, at=self._now())
        listed = piece.template.evaluate(scope)
        if not isinstance(listed.value, list):
            raise _no_list(listed.value)
        most = self._services.limits.items
        if len(listed.value) > most:
            message = f"for_each has {len(listed.value)} items, at most {most} are allowed (limits.items)"
            raise PermanentError(message, kind="limit")
        stored = await self._recorder.store(listed)
        return Decision(Expanded(self._now(), node.place, stored, len(listed.value)), listed)

    async def _set(self, node: Node) -> Decision:
        value = await self._rendered(node)
        check_value(value.value, self._services.limits.value_size)
        kept = await judged(
            node, Labelled(value.value, with_sensitive(node.plan, value.labels, value.value)), self._context
        )
        self._context.mask_from_now(kept)
        stored = await self._recorder.store(kept)
        return Decision(Settled(self._now(), node.place, "succeeded", stored), kept)

    async def _stop(self, node: Node) -> Decision:
        config = await self._rendered(node)
        fields = config.value or {}
        parts: dict[str, Stored] = {}
        for name in ("output", "response"):
            if name in fields:
                part = Labelled(fields[name], below(config.labels, name))
                parts[name] = await self._recorder.store(made_response(part) if name == "response" else part)
        error: Failure | None = None
        if fields.get("error") is not None:
            message = fields["error"] if isinstance(fields["error"], str) else "stopped with an error"
            error = self._recorder.failure(PermanentError(message, kind="stopped"), action=node.place)
        state: Literal["succeeded", "failed"] = "failed" if error else "succeeded"
        value, response = parts.get("output"), parts.get("response")
        return Decision(Settled(self._now(), node.place, state, value, error, stops=state, response=response))

    def _parked(self, node: Node, config: dict[str, Any]) -> Parked:
        now = self._now()
        if "for" in config:
            seconds = config["for"] if isinstance(config["for"], Duration) else Duration.parse(str(config["for"]))
            return Parked(now, node.place, until=now + seconds)
        if "until" in config:
            return Parked(now, node.place, until=_instant(config["until"]))
        limit = node.plan.action.timeout
        until = now + limit if limit is not None else None
        return Parked(now, node.place, until=until, callback=str(node.generation))

    async def _rendered(self, node: Node) -> Labelled:
        piece = node.plan.config
        assert piece is not None
        scope = await self._context.scope(piece, node.body, node=node, at=node.started_at or self._now())
        rendered = piece.template.evaluate(scope)
        self._context.mask_from_now(rendered)
        return rendered

    async def _output(self, body: Body) -> Labelled:
        piece = body.plan.output
        if piece is None:
            return Labelled(None, NO_LABELS)
        scope = await self._context.scope(piece, body, at=self._now())
        value = piece.template.evaluate(scope)
        check_value(value.value, self._services.limits.value_size)
        self._context.mask_from_now(value)
        return value

    async def _response(self, body: Body) -> Stored | None:
        """What the trigger that fired says to a caller that waits."""
        run = self._context.run
        piece = (
            run.plan.responses.get(run.accepted.answers) if run.accepted and run.accepted.answers is not None else None
        )
        if piece is None:
            return None
        rendered = piece.template.evaluate(await self._context.scope(piece, body, at=self._now()))
        made = made_response(rendered)
        self._context.mask_from_now(made)
        return await self._recorder.store(made)

    def _group_failed(self, node: Node, error: Failure) -> Finished:
        family = TemporaryError if error.temporary else PermanentError
        end = failed(node, family(error.message, kind=error.type, facts=error.facts), self._recorder, self._services)
        assert end.error is not None
        return end

    def _succeeded(self, node: Node, stored: Stored) -> Finished:
        return Finished(self._now(), node.place, node.attempt, "succeeded", node.generation, value=stored)

    def _now(self) -> float:
        return self._services.clock.wall()


def _no_list(value: Any) -> PermanentError:
    return PermanentError(f"for_each wants a list, found {_kind_of(value)}: {_cure(value)}", kind="value")


def _kind_of(value: Any) -> str:
    names = {dict: "a mapping", str: "text", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _cure(value: Any) -> str:
    if isinstance(value, dict):
        return "go over its parts with `| items`, `| keys` or `| values`"
    if value is None:
        return "give an empty list instead with `| default([])`"
    return "put it in brackets, `[…]`, or make a list of it with `| split`"


def _instant(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise PermanentError("wait.until wants an ISO timestamp such as 2026-01-31T09:00:00Z", kind="value") from None
    if moment.tzinfo is None:
        raise PermanentError("wait.until wants a time zone: write 2026-01-31T09:00:00Z or …+01:00", kind="value")
    return moment.timestamp()
