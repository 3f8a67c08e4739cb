"""
What a person sees of a run: each action with its state, attempts, times and error, folded from the journal's events.

    events ──Timeline.apply()──► Line of each place, in the order in which they began

`runner.web.documents` makes a run's document of it, the command line draws live progress with it. It needs no plan
and no executor, so that a run of any revision can be shown; what never began is added from the workflow's own list.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from runner.definitions.model import Body, Workflow
from runner.events import (
    Accepted,
    ActionState,
    AnyEvent,
    Cancelling,
    Ended,
    Expanded,
    Failure,
    Finished,
    Parked,
    Phase,
    PhaseName,
    Recovered,
    Rerun,
    RunState,
    Settled,
    Started,
    Stored,
)

_ATTEMPT: Final = re.compile(r"~\d+$")
_NUMBERS: Final = re.compile(r"\[\d+\]|~\d+")
_STEP: Final = re.compile(r"\[\d+\]|/[^/\[~]+")
_OUTCOMES: Final[dict[str, ActionState]] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "interrupted": "failed",
}


class Attempt(msgspec.Struct, gc=False):
    """One try. Times in wall seconds; `outcome` is empty while it goes on."""

    number: int
    started_at: float
    ended_at: float | None = None
    outcome: str = ""
    error: Failure | None = None
    retry_at: float | None = None


class Line(msgspec.Struct, gc=False):
    """
    One place of the run. `items` is how many items a `for_each` has, `until` when its wait is over.

    `asks`: it waits for an answer. Lines hold no circles, and the collector need not walk through tens of thousands.
    """

    place: str
    type: str = ""
    state: ActionState = "pending"
    started_at: float | None = None
    ended_at: float | None = None
    attempts: list[Attempt] = []
    value: Stored | None = None
    error: Failure | None = None
    items: int | None = None
    until: float | None = None
    child: str | None = None
    asks: bool = False

    @property
    def is_item(self) -> bool:
        """Whether it is one item of a `for_each`, or lies inside one."""
        return "[" in self.place

    @property
    def depth(self) -> int:
        """How many bodies it lies in."""
        return self.place.count("/")


class Timeline:
    """A run as far as its events go. `lines` by place, in the order in which they began."""

    def __init__(self, workflow: Workflow | None = None) -> None:
        self.lines: dict[str, Line] = {}
        self._outside: list[Line] = []
        self.accepted: Accepted | None = None
        self.ended: Ended | None = None
        self.phase: PhaseName = "main"
        self.cancelling: Cancelling | None = None
        self.recoveries = 0
        self._counts: defaultdict[str, Counter[ActionState]] = defaultdict(Counter)
        self._workflow = workflow
        self._types = dict(_types(workflow.body, "")) if workflow is not None else {}

    def apply(self, event: AnyEvent) -> None:
        """Take one event in; one that says nothing to a person changes nothing."""
        match event:
            case Started():
                self._started(event)
            case Finished():
                self._finished(event)
            case Settled():
                self._settled(event)
            case Expanded():
                line = self._line(event.place, event.at)
                line.items = event.count
                self._move(line, "running")
            case Parked(answer=None):
                line = self._line(event.place, event.at)
                line.until, line.child = event.until, event.child
                line.asks = event.callback is not None
                self._move(line, "waiting")
            case Phase() if not event.scope:
                self.phase = event.phase
            case Cancelling() if not event.scope:
                self.cancelling = event
            case Recovered():
                self.recoveries += 0 if event.clean else 1
            case Accepted():
                self.accepted = event
            case Ended():
                self.ended = event
            case Rerun():
                self.ended = self.cancelling = None
                self.phase = "main"
            case _:
                return

    @property
    def state(self) -> RunState:
        """As far as the events say."""
        return self.ended.state if self.ended else "running"

    def item_counts(self, place: str) -> Counter[ActionState]:
        """How many items of the `for_each` at `place` are in which state; those that never began are `pending`."""
        counts = Counter(self._counts.get(place, ()))
        line = self.lines.get(place)
        if line is not None and line.items is not None and line.items > counts.total():
            counts["skipped" if line.ended_at is not None else "pending"] += line.items - counts.total()
        return counts

    def all_lines(self, *, items: bool = True) -> list[Line]:
        """
        The lines so far, each below the one around it, then the file's own actions that have not begun.

        Without `items` those of a `for_each` and what is inside of them are left out.
        """
        begun = _in_order(list(self.lines.values()) if items else self._outside)
        if self._workflow is None:
            return begun
        body = self._workflow.body
        named = [*body.actions, *(body.on_failure if self.phase == "on_failure" else ())]
        named += body.finally_ if self.phase == "finally" else ()
        state: ActionState = "skipped" if self.ended else "pending"
        missing = [Line(action.id, action.type, state) for action in named if action.id not in self.lines]
        return [*begun, *missing]

    def inside(self, around: str) -> list[Line]:
        """The lines inside of a place, further items left out, each below the one around it."""
        inner = (f"{around}/", f"{around}~")
        found = [line for line in self.lines.values() if line.place.startswith(inner)]
        return _in_order([line for line in found if "[" not in line.place[len(around) :]])

    def _line(self, place: str, at: float) -> Line:
        line = self.lines.get(place)
        if line is None:
            owner = _owner(place)
            loop = self.lines.get(owner) if owner else None
            kind = loop.type if loop is not None else self._types.get(_NUMBERS.sub("", place), "")
            line = self.lines[place] = Line(place, kind, started_at=at, attempts=[])
            if owner:
                self._counts[owner][line.state] += 1
            if not line.is_item:
                self._outside.append(line)
        return line

    def _move(self, line: Line, state: ActionState) -> None:
        owner = _owner(line.place)
        if owner:
            counts = self._counts[owner]
            counts[line.state] -= 1
            counts[state] += 1
        line.state = state

    def _started(self, event: Started) -> None:
        line = self._line(event.place, event.at)
        line.attempts.append(Attempt(event.attempt, event.at))
        line.until = line.error = line.ended_at = None
        self._move(line, "running")
        for around in map(self.lines.get, _around(event.place)[:-1]):
            if around is not None and around.ended_at is not None:  # a rerun goes on inside of it
                around.ended_at = around.error = None
                self._move(around, "running")

    def _finished(self, event: Finished) -> None:
        line = self._line(event.place, event.at)
        if line.attempts:
            last = line.attempts[-1]
            last.ended_at, last.outcome, last.error = event.at, event.outcome, event.error
            last.retry_at = event.retry_at
        line.value, line.error = event.value, event.error
        if event.retry_at is not None:
            line.until = event.retry_at
            self._move(line, "waiting")
        else:
            line.ended_at = event.at
            self._move(line, _OUTCOMES[event.outcome])

    def _settled(self, event: Settled) -> None:
        line = self._line(event.place, event.at)
        if event.page is not None:
            return
        line.value, line.error, line.ended_at = event.value, event.error, event.at
        self._move(line, event.state)


def _owner(place: str) -> str:
    """The `for_each` that a place is an item of; empty for any other."""
    return place[: place.rindex("[")] if place.endswith("]") else ""


def _types(body: Body, around: str) -> Iterator[tuple[str, str]]:
    """The type of each action by its path: its id after those of the groups around it."""
    for action in (*body.actions, *body.on_failure, *body.finally_):
        yield around + action.id, action.type
        if action.body is not None:
            yield from _types(action.body, f"{around}{action.id}/")


def _in_order(lines: Sequence[Line]) -> list[Line]:
    """These lines in the order in which they began, each below the one around it."""
    order = {line.place: number for number, line in enumerate(lines)}
    return sorted(lines, key=lambda line: [order.get(place, -1) for place in _around(line.place)])


def _around(place: str) -> list[str]:
    """`poll~2/each[3]/ask` → `poll`, `poll~2/each`, `poll~2/each[3]`, and the place itself."""
    ends = [match.start() for match in _STEP.finditer(place)]
    return [_ATTEMPT.sub("", place[:end]) for end in ends] + [place]
