"""
Go through one run: carry out what its state asks for, apply what comes of it, until it has ended or only waits.

    intents ──carry out──► events ──► recorder (pending) ──flush──► journal
       ▲                     │                                         │ durable
       └──────evolve(run)◄───┘               attempts begin ◄──────────┘

One task a run, and one for each attempt under way. `runner.engine.dispatcher` starts a `Conductor` for each run that
has a slot, and hears from `go` whether the run has ended or lies in the store and waits.
"""

from collections import deque
from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any, Literal

import anyio

from runner.engine.attempt import AttemptCall, cancelled, carry_out
from runner.engine.callbacks import Asked
from runner.engine.context import Context
from runner.engine.deadlines import RUN_PLACE, Deadlines
from runner.engine.doing import at
from runner.engine.flow import Flow
from runner.engine.intents import Await, EndBody, Enter, Execute, Intent, Interrupt, Join, NextPhase, Retry
from runner.engine.orders import Order
from runner.engine.outstanding import wanted
from runner.engine.recorder import Recorder
from runner.engine.services import Services
from runner.engine.stage import Stage
from runner.engine.state import Node, Run
from runner.engine.waits import Children, Waits
from runner.events import AnyEvent, Cancelling, CancelReason, Ended, Finished, Phase, Settled
from runner.expressions.labels import Labelled
from runner.ports import Durable, Result, RunChange


class Conductor:
    """One run in memory."""

    def __init__(self, run: Run, context: Context, recorder: Recorder, services: Services, children: Children) -> None:
        self.run = run
        self.recorder = recorder
        self._stage = Stage(run, context, recorder, services)
        self._flow = Flow(context, recorder, services)
        self._waits = Waits(self._stage, self._flow, children)
        self._deadlines = Deadlines(self._stage)
        self._orders: deque[Order] = deque()
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._next_start: dict[str, float] = {}

    async def go(self, intents: list[Intent]) -> Literal["ended", "parked"]:
        """
        Carry out `intents` and all that follow. "ended": the end was handed over; "parked": the store wakes the run.

        Raises StoreError where the journal took no more: the run then lies in the store as it was.
        """
        self._stage.intents.extend(intents)
        try:
            async with anyio.create_task_group() as tasks:
                self._stage.tasks = tasks
                self._deadlines.arm_all()
                how = await self._loop()
                if self._stage.has_spawned:  # anyio makes a long text of each cancellation
                    tasks.cancel_scope.cancel()
        except ExceptionGroup as group:  # the first cause says enough: the others are its followers
            raise group.exceptions[0] from None
        return how

    def apply(self, event: AnyEvent) -> None:
        """Journal an event of the run as a whole, before `go` or in a message."""
        self._stage.apply(event)

    def tell(self, order: Order) -> None:
        """Have `order` carried out in the run's own task."""
        self._orders.append(order)
        self._stage.post(self._next_order)

    @property
    def unread(self) -> tuple[Order, ...]:
        """Orders that the run did not come to before it left memory."""
        return tuple(self._orders)

    @property
    def has_messages(self) -> bool:
        """Whether something came in that was not looked at."""
        return bool(self._stage.messages)

    def _next_order(self) -> Awaitable[None] | None:
        return self._orders.popleft().carry_out(self)

    async def _loop(self) -> Literal["ended", "parked"]:
        stage, recorder = self._stage, self.recorder
        await self._read_all()  # a run that is taken up to be ended begins nothing before it
        while True:
            await self._carry_out_all()
            if self.run.ended is not None:
                self._flush_end(self.run.ended)
                return "ended"
            parked = not self._scopes and stage.timers == 0 and not stage.messages
            if recorder.urgent:
                if parked:
                    self._deadlines.park()
                recorder.flush(at=stage.now(), waiting=parked)
            if parked:
                await recorder.durable()
                if not stage.messages:
                    return "parked"
            await stage.arrival()
            await self._read_all()

    async def _read_all(self) -> None:
        while self._stage.messages:
            outcome = self._stage.messages.popleft()()
            if outcome is not None:
                await outcome

    async def _carry_out_all(self) -> None:
        intents = self._stage.intents
        while intents:
            intent = intents.popleft()
            if wanted(self.run, intent):
                await self._carry_out(intent)

    async def _carry_out(self, intent: Intent) -> None:
        stage = self._stage
        match intent:
            case Enter(place):
                await self._enter(self.run.node(place))
            case Execute(place):
                await self._execute(self.run.node(place))
            case Retry(place, at):
                self._waits.retry(place, at)
            case Await(place):
                await self._waits.wait(self.run.node(place))
            case Join(place):
                stage.apply(self._flow.joined(self.run.node(place)))
            case NextPhase(scope, phase):
                stage.apply(Phase(stage.now(), scope, phase, stage.now() + stage.services.limits.cleanup_timeout))
                self._deadlines.arm(scope)
            case EndBody(scope):
                await self._end_body(scope)
            case Interrupt(place) if place in self._scopes:
                self._scopes[place].cancel()
            case Interrupt(place):
                self._waits.interrupt(self.run.node(place))

    async def _enter(self, node: Node) -> None:
        if node.owner is not None and node.plan.action.rate is not None and self._too_soon(node, node.owner):
            return
        await self._begin(node)

    async def _begin(self, node: Node) -> None:
        at(self.run.plan.workflow.name, node.plan.id)
        decision = await self._flow.enter(node)
        self._stage.apply(*decision)
        if node.items is not None and decision.value is not None:
            node.items.decoded = decision.value
        elif node.group is not None:
            self._deadlines.arm(node.group.scope)

    def _too_soon(self, node: Node, owner: Node) -> bool:
        """Whether an item has to wait for its turn under `rate`; it then comes again by itself."""
        now = self._stage.services.clock.monotonic()
        turn = self._next_start.setdefault(owner.place, now)
        self._next_start[owner.place] = max(turn, now) + 1.0 / (node.plan.action.rate or 1.0)
        if turn <= now:
            return False
        self._stage.timer(turn - now, partial(self._enter_now, node.place))
        return True

    async def _enter_now(self, place: str) -> None:
        node = self.run.nodes.get(place)
        if node is not None and wanted(self.run, Enter(place)):
            await self._begin(node)

    async def _execute(self, node: Node) -> None:
        if node.plan.type == "wait":
            self._stage.apply(*await self._flow.wait_event(node))
        elif node.plan.type == "workflow":
            await self._waits.call(node)
        else:
            self._scopes[node.place] = anyio.CancelScope()
            self._stage.spawn(self._attempt, node, action=node.plan.id)

    async def _attempt(self, node: Node) -> None:
        services, recorder = self._stage.services, self.recorder
        end, value, left = cancelled(node, services, left=False), None, False
        with self._scopes[node.place] as scope:
            pages = [Result(*await recorder.load(stored)) for stored in node.pages]
            call = AttemptCall(node, self.run, services, pages, partial(self._keep_page, node), recorder.shown)
            if recorder.urgent:  # what it is computed from may still be here (engine, Rule 2)
                recorder.flush(at=self._stage.now(), waiting=False)
            await recorder.durable()
            try:
                end, value = await carry_out(node, call, self._stage.context, recorder, services)
            finally:
                left = call.left
        if scope.cancelled_caught:
            end, value = cancelled(node, services, left=left), None
        self._stage.post(partial(self._finish, end, value))

    def _finish(self, end: Finished, value: Labelled | None) -> None:
        del self._scopes[end.place]
        self._stage.apply(end, value)

    async def _keep_page(self, node: Node, page: Result) -> None:
        stored = await self.recorder.store(Labelled(page.value, page.labels))
        at = self._stage.now()
        self._stage.apply(Settled(at, node.place, "succeeded", stored, page=len(node.pages)))
        self.recorder.flush(at=at, waiting=False)

    async def woken(self, place: str) -> None:
        """A wake-up row of the store has come due, or its signal is there."""
        if place == RUN_PLACE:
            self.recorder.unpark(place)
            self._deadlines.check_all()
        else:
            await self._waits.woken(place)

    def cancelled(self, why: CancelReason, by: str) -> Durable | None:
        """End the run, which goes on with its `finally`; the promise that this is on disk, None where it has ended."""
        if self.run.ended is not None:
            return None
        if self.run.cancelling is None:
            self._stage.apply(Cancelling(self._stage.now(), why, by))
        return self.recorder.flush(at=self._stage.now(), waiting=False)

    async def answered(self, asked: Asked, given: Mapping[str, Any], by: str) -> Durable | None:
        """Somebody answers a question of the run: the promise that this is on disk. Raises RefusedError."""
        return await self._waits.answered(asked, given, by)

    async def _end_body(self, scope: str) -> None:
        body = self.run.bodies[scope]
        if body.parent is None:
            self._stage.apply(await self._flow.run_ended(body))
        else:
            self._stage.apply(*await self._flow.group_ended(body))

    def _flush_end(self, ended: Ended) -> None:
        failure, output = ended.error, ended.output
        change = RunChange(
            state=ended.state,
            ended_at=ended.at,
            output=bytes(output.json) if output is not None and output.json is not None else None,
            error=failure.message if failure else None,
            failed_action=failure.action if failure else None,
            stopped_by=ended.stopped_by or None,
        )
        self.recorder.flush(at=ended.at, change=change, waiting=False)
