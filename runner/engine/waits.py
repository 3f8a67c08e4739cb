"""
Actions that wait: for the next attempt, for a time, for a child run, for a callback.

    Retry, Await ──► a timer (soon) or a wake-up row (later) ──woken──► started | finished

While all that is left of a run waits by rows, it lies in the store and holds no slot (design §2.8).
`runner.engine.run` hands over the intents and the wake-ups.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

from runner.engine.attempt import failed, with_sensitive
from runner.engine.callbacks import Asked, asks, question
from runner.engine.failures import action_error
from runner.engine.flow import ChildCall, Flow
from runner.engine.inputs import checked_inputs
from runner.engine.places import scope_of_attempt
from runner.engine.stage import Stage
from runner.engine.state import Node
from runner.errors import PermanentError, RunnerError, TemporaryError
from runner.events import Ended, Parent, Parked, Settled
from runner.expressions.labels import Labelled
from runner.ports import Durable, Park, RunRow


class Children(Protocol):
    """What a run needs of the dispatcher for its `workflow` actions."""

    async def start_child(self, call: ChildCall, parent: Parent, key: str) -> str:
        """The child's id; the same again for the same parent and `key`. Raises RefusedError."""

    async def child_ended(self, run: str) -> tuple[RunRow, Ended] | None:
        """The child's end, once there is one."""

    def cancel_child(self, run: str) -> None:
        """Ask the child to end."""


class Waits:
    """The waiting actions of one run."""

    def __init__(self, stage: Stage, flow: Flow, children: Children) -> None:
        self._stage = stage
        self._flow = flow
        self._children = children

    def retry(self, place: str, at: float) -> None:
        """Begin the next attempt at `at`."""
        self._stage.later(place, at, partial(self._again, place))

    async def wait(self, node: Node) -> None:
        """Let a parked action wait for what it is parked for; one that was answered before goes on at once."""
        parked = node.parked
        assert parked is not None
        if node.place in self._stage.run.answers:
            await self._look(node.place)
        elif parked.child is None and parked.callback is None and parked.until is not None:
            self._stage.later(node.place, parked.until, partial(self._look, node.place))
        else:
            self._stage.recorder.park(Park(node.place, parked.until, parked.child, parked.callback))

    async def woken(self, place: str) -> None:
        """A wake-up row of `place` has come due, or its signal has come."""
        node = self._stage.run.nodes.get(place)
        if node is None or node.ended:
            return
        if node.retry_at is not None:
            self._again(place)
        else:
            await self._look(place)

    def interrupt(self, node: Node) -> None:
        """End a waiting action as cancelled."""
        if node.parked is not None and node.parked.child is not None:
            self._children.cancel_child(node.parked.child)
        self._stage.recorder.unpark(node.place)
        self._stage.apply(Settled(self._stage.now(), node.place, "cancelled"))

    async def call(self, node: Node) -> None:
        """Start the run that a `workflow` action calls, and wait for it where it says so."""
        stage = self._stage
        try:
            call = await self._flow.child_call(node)
            parent = Parent(stage.run.id, node.place, self._depth())
            stage.recorder.flush(at=stage.now(), waiting=False)
            await stage.recorder.durable()
            place = scope_of_attempt(node.place, node.attempt)
            child = await self._children.start_child(call, parent, f"{stage.run.generation} {place}")
        except Exception as caught:  # noqa: BLE001  a defect must end its action and nothing else
            error = action_error(caught, "the workflow action")
            stage.apply(failed(node, error, stage.recorder, stage.services))
            return
        if call.wait:
            limit = node.plan.action.timeout
            until = stage.now() + limit if limit is not None else None
            stage.apply(self._flow.parked_for_child(node, child, until))
        else:
            stage.apply(*await self._flow.flow_finished(node, Labelled({"run": child})))

    def _depth(self) -> int:
        accepted, limit = self._stage.run.accepted, self._stage.services.limits.depth
        depth = (accepted.parent.depth if accepted and accepted.parent else 0) + 1
        if depth > limit:
            raise PermanentError(f"runs may call each other {limit} deep (limits.depth)", kind="limit")
        return depth

    def _again(self, place: str) -> None:
        node = self._stage.run.nodes.get(place)
        if node is None or node.retry_at is None or node.halted:
            return
        if node.retry_at > self._stage.now():
            self.retry(place, node.retry_at)
        else:
            self._stage.recorder.unpark(place)
            self._stage.apply(self._flow.started(node, node.attempt + 1))

    async def _look(self, place: str) -> None:
        node = self._stage.run.nodes.get(place)
        if node is None or node.parked is None or node.halted:
            return
        parked = node.parked
        answered = self._stage.run.answers.get(place)
        if answered is not None:
            await self._use(node, answered)
            return
        over = parked.until is not None and parked.until <= self._stage.now()
        ended = await self._children.child_ended(parked.child) if parked.child is not None else None
        if ended is not None:
            await self._child_ended(node, *ended)
        elif not over:
            await self.wait(node)
        elif parked.child is None and parked.callback is None:
            self._stage.recorder.unpark(place)
            self._stage.apply(*await self._flow.flow_finished(node, Labelled(None)))
        else:
            if parked.child is not None:
                self._children.cancel_child(parked.child)
            limit = node.plan.action.timeout or 0.0
            self._fail(node, TemporaryError(f"nothing came within {limit:g} s (timeout)", kind="timeout"))

    async def _use(self, node: Node, answered: Parked) -> None:
        """End a wait with what somebody answered."""
        assert answered.answer is not None
        self._stage.recorder.unpark(node.place)
        try:
            value = await self._stage.recorder.load(answered.answer)
        except RunnerError as error:
            end = failed(node, action_error(error, "the wait action"), self._stage.recorder, self._stage.services)
            self._stage.apply(end)
            return
        self._stage.apply(*await self._flow.flow_finished(node, value))

    async def answered(self, asked: Asked, given: Mapping[str, Any], by: str) -> Durable | None:
        """
        Journal what somebody answers, whether the action waits already or not; the promise that it is on disk.

        An action that waits is due from then on, so that a kill right after it leaves a run that is woken.

        Raises RefusedError: as `question`, and `inputs` for an answer that does not fit; PermanentError for one that is
        too big.
        """
        stage = self._stage
        fields = question(stage.run, asked, stage.now()).fields
        answer = checked_inputs(fields, Labelled(dict(given)), what=asked.place, root="answer")
        plan = asks(stage.run.plan, asked.place)
        assert plan is not None
        answer = Labelled(answer.value, with_sensitive(plan, answer.labels, answer.value))
        stage.context.mask_from_now(answer)
        stored = await stage.recorder.store(answer)
        generation = str(asked.generation)
        stage.apply(Parked(stage.now(), asked.place, callback=generation, answer=stored, by=by))
        node = stage.run.nodes.get(asked.place)
        if node is not None and node.parked is not None:
            stage.recorder.park(Park(asked.place, stage.now(), callback=node.parked.callback))
        return stage.recorder.flush(at=stage.now())

    async def _child_ended(self, node: Node, row: RunRow, end: Ended) -> None:
        stage = self._stage
        if end.state != "succeeded":
            why = f": {end.error.message}" if end.error else ""
            family = TemporaryError if end.error is not None and end.error.temporary else PermanentError
            kind = end.error.type if end.error else "cancelled"
            self._fail(node, family(f"run {row.id} of {row.workflow} {end.state}{why}", kind=kind, effect="done"))
            return
        output = await stage.recorder.load(end.output, row.id) if end.output is not None else Labelled(None)
        stage.recorder.unpark(node.place)
        stage.apply(*await self._flow.flow_finished(node, output))

    def _fail(self, node: Node, error: PermanentError | TemporaryError) -> None:
        self._stage.recorder.unpark(node.place)
        self._stage.apply(failed(node, error, self._stage.recorder, self._stage.services))
