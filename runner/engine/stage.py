"""
What the parts of a conductor share: the run's state, its recorder, its messages and its timers.

    apply(event) ──► recorder.add, evolve ──► intents            post(message), timer(seconds, message) ──► messages

The state changes only by `apply`, in the run's own task; attempts and timers `post`. `runner.engine.run` empties the
queues, `runner.engine.waits` and `runner.engine.deadlines` fill them.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio
import anyio.abc

from runner.engine.context import Context
from runner.engine.doing import task_name
from runner.engine.evolve import evolve
from runner.engine.intents import Intent
from runner.engine.recorder import Recorder
from runner.engine.retry import DURABLE_DELAY
from runner.engine.services import Services
from runner.engine.state import Node, Run
from runner.events import About, AnyEvent, Ended, Expanded, Finished, Parked, Settled, Started
from runner.expressions.labels import Labelled
from runner.ports import Park

Message = Callable[[], Awaitable[None] | None]


class Stage:
    """One run in memory. `timers` counts those that ring soon and so keep it there."""

    def __init__(self, run: Run, context: Context, recorder: Recorder, services: Services) -> None:
        self.run = run
        self.context = context
        self.recorder = recorder
        self.services = services
        self.intents: deque[Intent] = deque()
        self.messages: deque[Message] = deque()
        self.timers = 0
        self.tasks: anyio.abc.TaskGroup | None = None
        self.has_spawned = False
        self._arrived: anyio.Event | None = None

    def apply(self, event: AnyEvent, value: Labelled | None = None) -> None:
        """
        Journal an event and let the state follow; `value` is what the event journals, as the run goes on to use it.
        """
        rides = isinstance(event, Started) and _rides(self.run.node(event.place))
        self.recorder.add(event, _about(self.run, event), rides=rides)
        self.intents.extend(evolve(self.run, event))
        if value is not None and isinstance(event, Finished | Settled):
            node = self.run.nodes.get(event.place)
            if node is not None:
                self.context.keep(node, value)

    def post(self, message: Message) -> None:
        """Have `message` carried out in the run's own task."""
        self.messages.append(message)
        if self._arrived is not None:
            self._arrived.set()

    async def arrival(self) -> None:
        """Come back when there is a message."""
        if not self.messages:
            self._arrived = anyio.Event()
            await self._arrived.wait()
            self._arrived = None

    def spawn(self, task: Callable[..., Coroutine[Any, Any, None]], *arguments: object, action: str = "") -> None:
        """Run something beside the run's task, at most as long as the run is in memory; for an action, if it is."""
        assert self.tasks is not None
        self.has_spawned = True
        self.tasks.start_soon(task, *arguments, name=task_name(self.run.plan.workflow.name, action))

    def timer(self, seconds: float, message: Message) -> None:
        """Post `message` after `seconds`, and stay in memory until then."""
        self.timers += 1
        self.spawn(self._ring, seconds, message)

    def later(self, place: str, at: float, message: Message) -> None:
        """Post `message` at `at` (wall time) where that is soon; else leave a wake-up row in the store."""
        left = at - self.now()
        if left <= DURABLE_DELAY:
            self.timer(left, message)
        else:
            self.recorder.park(Park(place, at))

    def now(self) -> float:
        """Wall time."""
        return self.services.clock.wall()

    async def _ring(self, seconds: float, message: Message) -> None:
        await self.services.clock.sleep(seconds)
        self.timers -= 1
        self.post(message)


def _about(run: Run, event: AnyEvent) -> About:
    """To be asked before the state follows the event: it knows then when what ends began."""
    match event:
        case Started() | Finished() | Settled() | Parked() | Expanded():
            node = run.nodes.get(event.place)
            return (
                About("", 0.0, run.generation)
                if node is None
                else About(node.plan.type, node.started_at, run.generation)
            )
        case Ended():
            return About("", run.accepted.at if run.accepted else 0.0, run.generation)
    return About("", 0.0, run.generation)


def _rides(node: Node) -> bool:
    """Whether an attempt's start may wait for the next append: nothing is lost if it never gets there."""
    return node.plan.action.on_interrupt == "retry" and not node.plan.volatile
