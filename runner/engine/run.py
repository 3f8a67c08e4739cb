"""
Go through one run: carry out what its state asks for, apply what comes of it, until it has ended or only waits.

    intents ──carry out──► events ──► recorder (pending) ──flush──► journal
       ▲                     │                                         │ durable
       └──────evolve(run)◄───┘               attempts begin ◄──────────┘

One task a run, and one for each attempt under way. The state changes only here, through `evolve`; attempts, timers and people
send messages (`post`) and never touch it. `runner.engine.dispatcher` starts a `Conductor` for each run that has a slot, and
hears from `go` whether the run has ended or lies in the store and waits.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal, Protocol

import anyio
import anyio.abc

from runner.engine.attempt import AttemptCall, cancelled, carry_out, failed
from runner.engine.context import Context
from runner.engine.evolve import evolve, wanted
from runner.engine.failures import action_error
from runner.engine.flow import Flow
from runner.engine.intents import Await, EndBody, Enter, Execute, Intent, Interrupt, Join, NextPhase, Retry
from runner.engine.plan import FLOW_TYPES
from runner.engine.recorder import Recorder
from runner.engine.retry import DURABLE_DELAY
from runner.engine.services import Services
from runner.engine.state import Node, Run
from runner.errors import PermanentError, TemporaryError
from runner.events import AnyEvent, Cancelling, CancelReason, Ended, Finished, Parent, Phase, Settled, Started
from runner.expressions.labels import Labelled
from runner.ports import Park, Result, RunChange, RunRow

Message = Callable[[], Awaitable[None] | None]

RUN_PLACE = ""
"""The place of a wake-up row that belongs to no action: the next deadline of the run or of one of its bodies."""


class Children(Protocol):
    """What a run needs of the dispatcher for its `workflow` actions."""

    async def start_child(self, name: str, inputs: Labelled, parent: Parent, generation: int) -> str:
        """The child's id; the same again for the same parent, place and generation. Raises RefusedError."""

    async def child_ended(self, run: str) -> tuple[RunRow, Ended] | None:
        """The child's end, once there is one."""

    def cancel_child(self, run: str) -> None:
        """Ask the child to end."""


class Conductor:
    """One run in memory."""

    def __init__(self, run: Run, context: Context, recorder: Recorder, services: Services, children: Children) -> None:
        self.run = run
        self.recorder = recorder
        self._context = context
        self._services = services
        self._children = children
        self._flow = Flow(context, recorder, services)
        self._intents: deque[Intent] = deque()
        self._messages: deque[Message] = deque()
        self._arrived: anyio.Event | None = None
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._timers = 0
        self._next_start: dict[str, float] = {}
        self._tasks: anyio.abc.TaskGroup | None = None

    async def go(self, intents: list[Intent]) -> Literal["ended", "parked"]:
        """
        Carry out `intents` and all that follow. "ended": the end was handed over; "parked": the store wakes the run.

        Raises StoreError where the journal took no more: the run then lies in the store as it was.
        """
        self._intents.extend(intents)
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            for body in list(self.run.bodies.values()):
                self._arm(body.scope)
            how = await self._loop()
            tasks.cancel_scope.cancel()
        return how

    def post(self, message: Message) -> None:
        """Have `message` carried out in the run's own task."""
        self._messages.append(message)
        if self._arrived is not None:
            self._arrived.set()

    def wake(self, place: str) -> None:
        """A wake-up row of the store has come due."""
        self.post(partial(self._woken, place))

    def cancel(self, why: CancelReason, by: str = "") -> None:
        """Ask the run to end; it goes on with its `finally`."""
        self.post(partial(self._cancel, why, by))

    @property
    def has_messages(self) -> bool:
        """Whether something came in that was not looked at."""
        return bool(self._messages)

    async def _loop(self) -> Literal["ended", "parked"]:
        while True:
            await self._carry_out_all()
            if self.run.ended is not None:
                self._flush_end(self.run.ended)
                return "ended"
            parked = not self._scopes and self._timers == 0 and not self._messages
            if parked:
                self._park_deadline()
            if self.recorder.urgent:
                self.recorder.flush(at=self._now(), waiting=parked)
            if parked:
                await self.recorder.durable()
                if not self._messages:
                    return "parked"
            if not self._messages:
                self._arrived = anyio.Event()
                await self._arrived.wait()
                self._arrived = None
            while self._messages:
                outcome = self._messages.popleft()()
                if outcome is not None:
                    await outcome

    async def _carry_out_all(self) -> None:
        while self._intents:
            intent = self._intents.popleft()
            if wanted(self.run, intent):
                await self._carry_out(intent)

    async def _carry_out(self, intent: Intent) -> None:
        match intent:
            case Enter(place):
                await self._enter(self.run.node(place))
            case Execute(place):
                await self._execute(self.run.node(place))
            case Retry(place, at):
                self._later(place, at, partial(self._again, place))
            case Await(place):
                self._await(self.run.node(place))
            case Join(place):
                self.apply(self._flow.joined(self.run.node(place)))
            case NextPhase(scope, phase):
                deadline = self._now() + self._services.limits.cleanup_timeout
                self.apply(Phase(self._now(), scope, phase, deadline))
            case EndBody(scope):
                await self._end_body(scope)
            case Interrupt(place):
                self._interrupt(place)

    def apply(self, event: AnyEvent, value: Labelled | None = None) -> None:
        """Journal an event and let the state follow."""
        rides = isinstance(event, Started) and self._rides(self.run.node(event.place))
        self.recorder.add(event, rides=rides)
        self._intents.extend(evolve(self.run, event))
        if value is not None and isinstance(event, Finished | Settled):
            node = self.run.nodes.get(event.place)
            if node is not None:
                self._context.keep(node, value)
        if isinstance(event, Started | Phase):
            self._arm(event.scope if isinstance(event, Phase) else self._group_scope(event.place))

    @staticmethod
    def _rides(node: Node) -> bool:
        """Whether an attempt's start may wait for the next append: nothing is lost if it never gets there."""
        return node.plan.action.on_interrupt == "retry" and not node.plan.volatile

    async def _enter(self, node: Node) -> None:
        rate = node.plan.action.rate
        if rate is not None and node.owner is not None:
            now = self._services.clock.monotonic()
            start = self._next_start.get(node.owner.place, now)
            if start > now:
                self._timer(start - now, partial(self._intents.append, Enter(node.place)))
                return
            self._next_start[node.owner.place] = max(start, now - 1.0 / rate) + 1.0 / rate
        decision = await self._flow.enter(node)
        if decision.value is not None and node.loops and not node.ended:
            self.apply(decision.event)
            if node.items is not None:
                node.items.decoded = decision.value
            return
        self.apply(*decision)

    async def _execute(self, node: Node) -> None:
        if node.plan.type == "wait":
            self.apply(*await self._flow.wait_event(node))
        elif node.plan.type == "workflow":
            await self._call_child(node)
        elif node.plan.type not in FLOW_TYPES:
            assert self._tasks is not None
            self._scopes[node.place] = anyio.CancelScope()
            pages = [await self._page(stored) for stored in node.pages]
            self._tasks.start_soon(self._attempt, node, pages)

    async def _attempt(self, node: Node, pages: list[Result]) -> None:
        keep = partial(self._keep_page, node)
        call = AttemptCall(node, self.run, self._services.sealer, pages, keep)
        end, value = cancelled(node, self._services, left=False), None
        with self._scopes[node.place]:
            await self.recorder.durable()
            end, value = await carry_out(node, call, self._context, self.recorder, self._services)
        if self._scopes[node.place].cancelled_caught:
            end, value = cancelled(node, self._services, left=call.left), None
        self.post(partial(self._finish, end, value))

    def _finish(self, end: Finished, value: Labelled | None) -> None:
        del self._scopes[end.place]
        self.apply(end, value)

    async def _page(self, stored: object) -> Result:
        loaded = await self.recorder.load(stored)  # type: ignore[arg-type]  # pages are Stored
        return Result(loaded.value, loaded.labels)

    async def _keep_page(self, node: Node, page: Result) -> None:
        stored = await self.recorder.store(Labelled(page.value, page.labels))
        self.apply(Settled(self._now(), node.place, "succeeded", stored, page=len(node.pages)))
        self.recorder.flush(at=self._now(), waiting=False)

    async def _call_child(self, node: Node) -> None:
        try:
            call = await self._flow.child_call(node)
            depth = (self.run.accepted.parent.depth if self.run.accepted and self.run.accepted.parent else 0) + 1
            if depth > self._services.limits.depth:
                raise PermanentError(
                    f"runs may call each other {self._services.limits.depth} deep (limits.depth)", kind="limit"
                )
            if call.wait:
                await self._handed_over()
            parent = Parent(self.run.id, node.place, depth)
            child = await self._children.start_child(call.name, call.inputs, parent, self.run.generation)
        except Exception as caught:  # noqa: BLE001  a defect must end its action and nothing else
            error = action_error(caught, "the workflow action")
            self.apply(failed(node, error, self.recorder, self._services))
            return
        if call.wait:
            limit = node.plan.action.timeout
            until = self._now() + limit if limit is not None else None
            self.apply(self._flow.parked_for_child(node, child, until))
        else:
            self.apply(*await self._flow.flow_finished(node, Labelled({"run": child})))

    async def _handed_over(self) -> None:
        self.recorder.flush(at=self._now(), waiting=False)
        await self.recorder.durable()

    def _await(self, node: Node) -> None:
        parked = node.parked
        assert parked is not None
        if parked.child is None and parked.callback is None and parked.until is not None:
            self._later(node.place, parked.until, partial(self._waited, node.place))
        else:
            self.recorder.park(Park(node.place, parked.until, parked.child, parked.callback))

    async def _waited(self, place: str) -> None:
        node = self.run.nodes.get(place)
        if node is None or node.parked is None or node.halted:
            return
        parked = node.parked
        if parked.child is not None:
            await self._child_waited(node, parked.child)
        elif parked.until is not None and parked.until > self._now():
            self._await(node)
        elif parked.callback is not None:
            self._overdue(node)
        else:
            self._unpark(place)
            self.apply(*await self._flow.flow_finished(node, Labelled(None)))

    async def _child_waited(self, node: Node, child: str) -> None:
        ended = await self._children.child_ended(child)
        if ended is None:
            assert node.parked is not None
            if node.parked.until is not None and node.parked.until <= self._now():
                self._children.cancel_child(child)
                self._overdue(node)
            else:
                self._await(node)
            return
        self._unpark(node.place)
        row, end = ended
        if end.state == "succeeded":
            output = await self.recorder.load(end.output, child) if end.output is not None else Labelled(None)
            self.apply(*await self._flow.flow_finished(node, output))
            return
        message = f"run {child} of {row.workflow} {end.state}" + (f": {end.error.message}" if end.error else "")
        family = TemporaryError if end.error is not None and end.error.temporary else PermanentError
        error = family(message, kind=end.error.type if end.error else "cancelled", effect="unknown")
        self.apply(failed(node, error, self.recorder, self._services))

    def _overdue(self, node: Node) -> None:
        self._unpark(node.place)
        limit = node.plan.action.timeout or 0.0
        error = TemporaryError(f"nothing came within {limit:g} s (timeout)", kind="timeout")
        self.apply(failed(node, error, self.recorder, self._services))

    async def _woken(self, place: str) -> None:
        if place == RUN_PLACE:
            self._unpark(place)
            for scope in list(self.run.bodies):
                self._overrun(scope)
            return
        node = self.run.nodes.get(place)
        if node is None or node.ended:
            return
        if node.retry_at is not None:
            self._unpark(place)
            self._again(place)
        else:
            await self._waited(place)

    def _again(self, place: str) -> None:
        node = self.run.nodes.get(place)
        if node is None or node.retry_at is None or node.halted:
            return
        if node.retry_at > self._now() + 0.001:
            self._later(place, node.retry_at, partial(self._again, place))
        else:
            self.apply(self._flow.started(node, node.attempt + 1))

    def _interrupt(self, place: str) -> None:
        if place in self._scopes:
            self._scopes[place].cancel()
            return
        node = self.run.node(place)
        if node.parked is not None and node.parked.child is not None:
            self._children.cancel_child(node.parked.child)
        self._unpark(place)
        self.apply(Settled(self._now(), place, "cancelled"))

    def _cancel(self, why: CancelReason, by: str) -> None:
        if self.run.ended is None and self.run.cancelling is None:
            self.apply(Cancelling(self._now(), why, by))

    async def _end_body(self, scope: str) -> None:
        body = self.run.bodies[scope]
        if body.parent is None:
            self.apply(await self._flow.run_ended(body))
        else:
            self.apply(*await self._flow.group_ended(body))

    def _flush_end(self, ended: Ended) -> None:
        failure = ended.error
        change = RunChange(
            state=ended.state,
            ended_at=ended.at,
            output=bytes(ended.output.json) if ended.output is not None and ended.output.json is not None else None,
            error=failure.message if failure else None,
            failed_action=failure.action if failure else None,
            stopped_by=ended.stopped_by or None,
        )
        self.recorder.flush(at=ended.at, change=change, waiting=False)

    def _group_scope(self, place: str) -> str | None:
        node = self.run.nodes.get(place)
        return node.group.scope if node is not None and node.group is not None else None

    def _arm(self, scope: str | None) -> None:
        body = self.run.bodies.get(scope) if scope is not None else None
        if body is not None and body.deadline is not None and not body.halting and self._tasks is not None:
            self._tasks.start_soon(self._alarm, body.scope, body.deadline)

    async def _alarm(self, scope: str, when: float) -> None:
        while (left := when - self._now()) > 0:
            await self._services.clock.sleep(left)
        self.post(partial(self._overrun, scope))

    def _overrun(self, scope: str) -> None:
        body = self.run.bodies.get(scope)
        if body is None or body.deadline is None or body.halting or body.deadline > self._now() or self.run.ended:
            return
        what = {"main": "it did not end within its timeout"}.get(
            body.phase,
            f"{body.phase} did not end within {self._services.limits.cleanup_timeout:g} s (limits.cleanup_timeout)",
        )
        self.apply(Cancelling(self._now(), "timeout", scope=scope, message=what))

    def _park_deadline(self) -> None:
        deadlines = [
            body.deadline for body in self.run.bodies.values() if body.deadline is not None and not body.halting
        ]
        if deadlines and self.recorder.urgent:
            self.recorder.park(Park(RUN_PLACE, min(deadlines)))

    def _unpark(self, place: str) -> None:
        self.recorder.unpark(place)

    def _later(self, place: str, at: float, message: Message) -> None:
        left = at - self._now()
        if left <= DURABLE_DELAY:
            self._timer(left, message)
        else:
            self.recorder.park(Park(place, at))

    def _timer(self, seconds: float, message: Message) -> None:
        assert self._tasks is not None
        self._timers += 1
        self._tasks.start_soon(self._ring, seconds, message)

    async def _ring(self, seconds: float, message: Message) -> None:
        await self._services.clock.sleep(seconds)
        self._timers -= 1
        self.post(message)

    def _now(self) -> float:
        return self._services.clock.wall()
