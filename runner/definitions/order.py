"""
In which order the actions of one phase run, as far as a file says it: what waits for what, what ran before what.

    [fetch, store(needs: []), tell] → before(tell) = {store}      fetch dangles: nothing waits for it

`runner.definitions.check` tells the problems and decides with `before` which references make sense. A cycle or an
unknown id leaves the rest usable. Pure: actions in, values out.
"""

from collections.abc import Iterable, Sequence

import msgspec

from runner.definitions.model import Action

Ids = frozenset[str]


class Order(msgspec.Struct, frozen=True):
    """`waits`: what each action waits for directly; `before`: all that has ended then; `cycle`: one, or ()."""

    waits: dict[str, tuple[str, ...]]
    before: dict[str, Ids]
    cycle: tuple[str, ...]


def order_of(actions: Sequence[Action]) -> Order:
    """The order of one phase. Needs that no action of it bears are left out."""
    ids = {action.id for action in actions}
    waits: dict[str, tuple[str, ...]] = {}
    above: str | None = None
    for action in actions:
        needs = action.needs if action.needs is not None else (above,) if above is not None else ()
        waits.setdefault(action.id, tuple(need for need in needs if need in ids))
        above = action.id
    before, cycle = _closure(waits)
    return Order(waits, before, cycle)


def dangling(actions: Sequence[Action], order: Order, used: Iterable[str]) -> list[str]:
    """
    Actions that nothing waits for although a later one waits for something: mostly a forgotten `needs`.

    `used` are ids that the body's output names: what they do is waited for by the body's end.
    """
    waited = {need for needs in order.waits.values() for need in needs} | set(used)
    joined = False
    found: list[str] = []
    for position, action in enumerate(reversed(actions)):
        if position and joined and action.id not in waited:
            found.append(action.id)
        joined = joined or bool(order.waits.get(action.id))
    return found[::-1]


def _closure(waits: dict[str, tuple[str, ...]]) -> tuple[dict[str, Ids], tuple[str, ...]]:
    """All that runs before each action, by walking without recursion; the first cycle met, as a path of ids."""
    before: dict[str, Ids] = {}
    cycle: tuple[str, ...] = ()
    for start in waits:
        trail: list[tuple[str, int]] = [(start, 0)] if start not in before else []
        while trail:
            current, position = trail[-1]
            needs = waits[current]
            if position == len(needs):
                before[current] = frozenset(needs).union(*(before.get(need, frozenset()) for need in needs))
                trail.pop()
                continue
            trail[-1] = (current, position + 1)
            need = needs[position]
            walked = [name for name, _ in trail]
            if need in walked:
                cycle = cycle or tuple(walked[walked.index(need) :])
            elif need not in before:
                trail.append((need, 0))
    return before, cycle
