"""
What a run would do, as far as that can be known before it: nothing is carried out, sent or resolved.

    Plan, inputs, what `$env` gives ──outlook()──► Foreseen of each action, in an order in which they may run

Guards, lists, configs and what `set` gives are evaluated where they are known; secrets are never asked for, and what an
executor would get is unknown (`runner.expressions.foresee`). `runner plan` shows it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from runner.engine.facts import known_facts
from runner.engine.plan import ActionPlan, BodyPlan, PhasePlan, Piece, Plan
from runner.errors import RunnerError
from runner.events import PhaseName
from runner.expressions.foresee import Unknown, UnknownValueError, is_known, shown
from runner.expressions.labels import ABSENT, Absent, Labelled, Path, below
from runner.expressions.reference import Reference
from runner.expressions.values import locate, truth

Decision = Literal["runs", "depends", "skipped", "not reached", "fails"]
"""`depends`: on a guard, or a list, that only the run knows."""

MOST_ITEMS: Final = 20
"""Items of a `for_each` that are foreseen one by one."""

UNKNOWN: Final = Labelled(Unknown("<unknown>"))
"""What an executor would get."""

_AFTERWARDS: Final = frozenset({"on_failure", "finally"})


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """
    One action, or item of one, at its place. `config` is JSON for a person; of a `Statement` in it `{text, values}`.

    `guard` is the `if` as written where it decides; `items` how many there are, or how that is told; `error` why it
    would fail.
    """

    place: str
    type: str
    phase: PhaseName
    decision: Decision
    after: tuple[str, ...] = ()
    guard: str | None = None
    items: int | str | None = None
    config: Any = None
    error: str | None = None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is known beforehand, by root: `input`, `env`; `trigger` where somebody gave it. A name that is not there is
    unknown. `hidden` are the variables that are secret.
    """

    inputs: Labelled
    env: Mapping[str, str] = {}
    hidden: frozenset[str] = frozenset()
    trigger: Labelled | None = None
    now: float = 0.0


def outlook(plan: Plan, known: Known) -> list[Foreseen]:
    """Every action in an order in which they may run; what follows a failure, and what is done finally, after them."""
    return list(_Outlook(plan, known).body(plan.body, "", _Values(plan, known)))


class _Values:
    """A scope over what is known, seen from one body: `$action` of this body and of those around it."""

    def __init__(self, plan: Plan, known: Known, around: "_Values | None" = None) -> None:
        self.now = known.now
        self.seed = b"plan"
        self.actions: dict[str, Labelled] = {}
        self.around = around
        self.looped: dict[str, Labelled] = {}
        self.this = UNKNOWN
        self._plan = plan
        self._known = known

    def inside(self, *, this: Labelled = UNKNOWN, **looped: Labelled) -> "_Values":
        """The scope of a body, of an item (`item`, `index`) or of an `output` (`this`) inside of this one."""
        values = _Values(self._plan, self._known, self)
        values.looped, values.this = looped, this
        return values

    def lookup(self, root: str, path: Path) -> tuple[Labelled | Absent, int]:
        """The value at the end of the path. Raises UnknownValueError where it, or anything in it, is unknown."""
        found = self._root(root, path)
        if isinstance(found, Absent):
            return found, len(path)
        value, taken = found
        left = list(path[taken:])
        while left and not isinstance(value.value, Unknown):
            key = locate(value.value, left.pop(0))
            if key is None:
                return ABSENT, len(path)
            value = Labelled(value.value[key], below(value.labels, key))
        if left or value.value is UNKNOWN.value:
            raise UnknownValueError(_told(root, path))
        if not is_known(value.value):
            raise UnknownValueError(_told(root, path), value)
        return value, len(path)

    def _root(self, root: str, path: Path) -> tuple[Labelled, int] | Absent:
        known, name = self._known, str(path[0]) if path else ""
        match root:
            case "env" if name in known.env:
                return Labelled(known.env[name]), 1
            case "input":
                return known.inputs, 0
            case "trigger" if known.trigger is not None:
                return known.trigger, 0
            case "vars" if name in self._plan.vars:
                found = self._plan.vars[name].template.foresee(self)
                return ABSENT if isinstance(found, Absent) else (found, 1)
            case "action":
                return _found([each.actions.get(name) for each in self._outward()]), 1
            case "this":
                return self.this, 0
            case "item" | "index":
                return _found([each.looped.get(root) for each in self._outward()]), 0
            case "run" if name in (facts := known_facts(self._plan.workflow.name)):
                return Labelled(facts[name]), 1
        secret = name if root == "secret" else f"env.{name}" if root == "env" and name in known.hidden else ""
        raise UnknownValueError(Unknown(f"[secret {secret}]") if secret else _told(root, path))

    def _outward(self) -> Iterator["_Values"]:
        here: _Values | None = self
        while here is not None:
            yield here
            here = here.around


class _Outlook:
    """One look ahead."""

    def __init__(self, plan: Plan, known: Known) -> None:
        self._plan = plan
        self._known = known

    def body(self, body: BodyPlan, prefix: str, values: _Values) -> Iterator[Foreseen]:
        """The actions of a body, phase by phase."""
        is_over = False
        for phase, actions in body.phases.items():
            for plan in _ordered(actions):
                if is_over and phase == "main":
                    yield Foreseen(place=prefix + plan.id, type=plan.type, phase=phase, decision="not reached")
                    continue
                if phase in _AFTERWARDS:
                    values.actions = dict.fromkeys(values.actions, UNKNOWN)
                found = list(self._action(plan, phase, prefix, values))
                is_over = is_over or (found[0].decision == "runs" and plan.type == "stop")
                yield from found

    def _action(self, plan: ActionPlan, phase: PhaseName, prefix: str, values: _Values) -> Iterator[Foreseen]:
        head = Foreseen(
            place=prefix + plan.id, type=plan.type, phase=phase, decision="runs", after=plan.action.needs or ()
        )
        if plan.items is None:
            one, inner, value = self._one(plan, head, values)
            values.actions[plan.id] = value
            yield one
            yield from inner
            return
        try:
            listed = _evaluated(plan.items, values)
        except RunnerError as error:
            values.actions[plan.id] = UNKNOWN
            yield msgspec.structs.replace(head, decision="fails", error=str(error))
            return
        if isinstance(listed.value, list):
            yield from self._items(plan, head, listed, values)
        else:
            yield from self._some_item(plan, head, listed, values)

    def _items(self, plan: ActionPlan, head: Foreseen, listed: Labelled, values: _Values) -> Iterator[Foreseen]:
        yield msgspec.structs.replace(head, items=len(listed.value))
        made: list[Any] = []
        for index, item in enumerate(listed.value[:MOST_ITEMS]):
            inside = values.inside(item=Labelled(item, below(listed.labels, index)), index=Labelled(index))
            place = msgspec.structs.replace(head, place=f"{head.place}[{index}]", after=())
            one, inner, value = self._one(plan, place, inside)
            made.append(value.value if not value.labels else Unknown(f"<$action.{plan.id}[{index}]>"))
            yield one
            yield from inner
        is_whole = len(made) == len(listed.value)
        values.actions[plan.id] = Labelled(made) if is_whole else UNKNOWN

    def _some_item(self, plan: ActionPlan, head: Foreseen, listed: Labelled, values: _Values) -> Iterator[Foreseen]:
        """Of a list that only the run knows: one item that stands for all."""
        if not isinstance(listed.value, Unknown):
            yield msgspec.structs.replace(head, decision="fails", error="for_each: expected a list")
            return
        yield msgspec.structs.replace(head, items=listed.value.shown, decision="depends")
        inside = values.inside(item=Labelled(Unknown("<$item>")), index=Labelled(Unknown("<$index>")))
        one, inner, _ = self._one(plan, msgspec.structs.replace(head, place=f"{head.place}[…]", after=()), inside)
        values.actions[plan.id] = UNKNOWN
        yield one
        yield from inner

    def _one(self, plan: ActionPlan, head: Foreseen, values: _Values) -> tuple[Foreseen, list[Foreseen], Labelled]:
        """The action at its place, what is inside of it, and its value."""
        guard = None if plan.action.if_ is None else str(plan.action.if_)
        try:
            decision = _decided(plan.condition, values)
            if decision == "skipped":
                return msgspec.structs.replace(head, decision=decision, guard=guard), [], Labelled(None)
            inner: list[Foreseen] = []
            config, value = Labelled(None), UNKNOWN
            if plan.body is not None:
                inside = values.inside()
                inner = list(self.body(plan.body, f"{head.place}/", inside))
                value = Labelled(None) if plan.body.output is None else _evaluated(plan.body.output, inside)
            elif plan.config is not None:
                config = _evaluated(plan.config, values)
                value = config if plan.type == "set" else UNKNOWN
            if plan.output is not None:
                value = _evaluated(plan.output, values.inside(this=value))
        except RunnerError as error:
            return msgspec.structs.replace(head, decision="fails", error=str(error)), [], UNKNOWN
        found = msgspec.structs.replace(
            head, decision=decision, guard=guard if decision == "depends" else None, config=shown(config)
        )
        return found, inner, value if decision == "runs" else UNKNOWN


def _evaluated(piece: Piece, values: _Values) -> Labelled:
    found = piece.template.foresee(values)
    return Labelled(None) if isinstance(found, Absent) else found


def _decided(condition: Piece | None, values: _Values) -> Literal["runs", "depends", "skipped"]:
    if condition is None:
        return "runs"
    found = condition.template.foresee(values)
    if isinstance(found, Absent):
        return "skipped"
    if isinstance(found.value, Unknown):
        return "depends"
    return "runs" if truth(found.value) else "skipped"


def _ordered(phase: PhasePlan) -> Iterator[ActionPlan]:
    """As written, but each behind what it needs."""
    left, done = dict(phase.actions), set[str]()
    while left:
        name = next(each for each, plan in left.items() if done.issuperset(plan.needs))
        done.add(name)
        yield left.pop(name)


def _found(values: list[Labelled | None]) -> Labelled:
    """The innermost that there is."""
    return next((value for value in values if value is not None), UNKNOWN)


def _told(root: str, path: Path) -> Unknown:
    return Unknown(f"<{Reference(root, path)}>")
