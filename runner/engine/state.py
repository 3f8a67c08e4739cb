"""
Where a run stands: a tree of bodies and actions, changed by `runner.engine.evolve` and by nothing else.

    Run ─ body: Body ─ nodes: Node ─┬─(for_each)─ items: Items ─ nodes: Node …
                                    └─(group)──── body: Body ─ nodes: Node …

The state holds no socket, no clock and no value that is not in the journal: a resume is a fold of the journal. It is
changed in place, since a `for_each` of 10,000 items would otherwise copy 10,000 times 10,000 places; `evolve` stays a
function of the state and the event alone.
"""

from collections.abc import Iterator
from typing import Final

from runner.engine.plan import ActionPlan, BodyPlan, PhasePlan, Plan
from runner.errors import RunnerError
from runner.events import (
    Accepted,
    ActionState,
    Cancelling,
    Ended,
    Expanded,
    Failure,
    Parked,
    PhaseName,
    Settled,
    Stored,
    Turn,
)
from runner.expressions.labels import Labelled

TERMINAL: Final[frozenset[ActionState]] = frozenset({"succeeded", "failed", "skipped", "cancelled"})


class IllegalEventError(RunnerError):
    """An event that cannot follow: the journal is not one that this machine wrote."""


class Items:
    """
    A `for_each` under way: `next` is the first item that has no node yet, `live` counts those that have not ended.
    """

    __slots__ = ("count", "decoded", "event", "failed", "live", "next", "nodes")

    def __init__(self, event: Expanded) -> None:
        self.event = event
        self.decoded: Labelled | None = None
        self.count = event.count
        self.next = 0
        self.live = 0
        self.failed: Failure | None = None
        self.nodes: list[Node] = []


class Node:
    """
    One action, or one item of a `for_each`.

    `attempt` counts attempts that began in `generation`, from which its idempotency keys come. `halted`: it is to end
    as cancelled, or never began for that reason. `group` is the body of its current attempt, and stays where that
    failed or was ended, for a rerun. `decoded` is what `value` holds, once `runner.engine.context` has opened it: a
    cache, no state.
    """

    __slots__ = (
        "attempt", "body", "decoded", "error", "generation", "group", "halted", "index", "items", "owner", "pages",
        "parked", "place", "plan", "retry_at", "started_at", "state", "value",
    )  # fmt: skip

    def __init__(
        self, place: str, plan: ActionPlan, body: "Body", owner: "Node | None" = None, index: int = -1
    ) -> None:
        self.generation: int = body.generation if owner is None else owner.generation
        self.place = place
        self.plan = plan
        self.body = body
        self.owner = owner
        self.index = index
        self.state: ActionState = "pending"
        self.attempt = 0
        self.started_at = 0.0
        self.retry_at: float | None = None
        self.value: Stored | None = None
        self.decoded: Labelled | None = None
        self.error: Failure | None = None
        self.items: Items | None = None
        self.group: Body | None = None
        self.parked: Parked | None = None
        self.pages: list[Stored] = []
        self.halted = False

    @property
    def ended(self) -> bool:
        """Whether it has its final state."""
        return self.state in TERMINAL

    @property
    def loops(self) -> bool:
        """Whether it is a `for_each` as a whole, not one of its items."""
        return self.plan.items is not None and self.owner is None


class Body:
    """
    A body under way. `live` counts the actions of its phase that have not ended; `waits` how many needs each still has.

    `halting`: nothing more begins in this phase. `cancelled`: it was ended from outside, so no `on_failure`.
    `deadline` is the wall time at which its phase is over. What begins anew in it does so in `generation`.
    """

    __slots__ = (
        "cancelled",
        "deadline",
        "error",
        "failed_action",
        "generation",
        "halting",
        "live",
        "nodes",
        "parent",
        "phase",
        "plan",
        "scope",
        "waits",
    )

    def __init__(self, scope: str, plan: BodyPlan, parent: Node | None) -> None:
        self.generation: int = parent.generation if parent is not None else 1
        self.scope = scope
        self.plan = plan
        self.parent = parent
        self.phase: PhaseName = "main"
        self.nodes: dict[str, Node] = {}
        self.waits: dict[str, int] = {}
        self.live = 0
        self.error: Failure | None = None
        self.failed_action = ""
        self.halting = False
        self.cancelled = False
        self.deadline: float | None = None

    @property
    def phase_plan(self) -> PhasePlan:
        """The plan of the phase it is in."""
        return self.plan.phases[self.phase]

    def current(self) -> Iterator[Node]:
        """The nodes of the phase it is in."""
        for name in self.phase_plan.actions:
            yield self.nodes[name]


class Run:
    """
    One run. `nodes` and `bodies` find what is under way or was kept, by place and by scope.

    `turn` is there where it was queued first and what it was given at its start matters.
    `answers` are those that no action has used yet, by place; `used` the callback addresses that were answered, as
    place and generation.
    """

    __slots__ = (
        "accepted", "answers", "bodies", "body", "boots", "cancelling", "ended", "generation", "id", "nodes", "plan",
        "recoveries", "stop", "stopped_by", "turn", "used",
    )  # fmt: skip

    def __init__(self, run: str, plan: Plan) -> None:
        self.id = run
        self.plan = plan
        self.nodes: dict[str, Node] = {}
        self.bodies: dict[str, Body] = {}
        self.accepted: Accepted | None = None
        self.turn: Turn | None = None
        self.cancelling: Cancelling | None = None
        self.stop: Settled | None = None
        self.stopped_by = ""
        self.ended: Ended | None = None
        self.generation = 1
        self.recoveries = 0
        self.answers: dict[str, Parked] = {}
        self.used: set[tuple[str, str]] = set()

    def node(self, place: str) -> Node:
        """The node at `place`. Raises IllegalEventError."""
        try:
            return self.nodes[place]
        except KeyError:
            raise IllegalEventError(f"run {self.id} has no action at {place!r}") from None

    @property
    def root(self) -> Body:
        """The file's own body."""
        return self.bodies[""]
