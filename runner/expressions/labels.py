"""
A value and, beside it, the names of the secrets it came from: taint.

    Labelled(value, {("headers", "Authorization"): {"API_KEY"}})

A label lies on a path into the value and counts for everything below it; `()` labels the whole. Text never carries
its own taint (a text subclass loses it in most operations), so the evaluator, the engine and the executors hand on
`Labelled`. `wrap` turns labelled leaves into `Secret` for an executor, `mask` into `[secret NAME]` for a person.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from runner.secret import Secret

Path = tuple[str | int, ...]
Names = frozenset[str]
Labels = Mapping[Path, Names]

NO_LABELS: Final[Labels] = MappingProxyType({})

MASKED: Final = re.compile(r"\[secret ([^\[\]]{1,4000})\]")
"""What `masked_text` writes, with the names in it."""


class Labelled(NamedTuple):
    """A JSON value (or bytes, or a date inside an expression) and the secrets that parts of it came from."""

    value: Any
    labels: Labels = NO_LABELS


class Absent:
    """The value of a path that leads nowhere; there is one, `ABSENT`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = Absent()


def names_of(labels: Labels) -> Names:
    """Every secret named by any label."""
    return frozenset().union(*labels.values()) if labels else frozenset()


def whole(value: Any, names: Names) -> Labelled:
    """`value` labelled as a whole."""
    return Labelled(value, {(): names} if names else NO_LABELS)


def below(labels: Labels, step: str | int) -> Labels:
    """The labels of the child at `step`: those on its path without that step, and those of the whole."""
    if not labels:
        return NO_LABELS
    found = {path[1:]: names for path, names in labels.items() if path and path[0] == step}
    if () in labels:
        found[()] = found.get((), frozenset()) | labels[()]
    return found or NO_LABELS


def under(labels: Labels, step: str | int) -> Labels:
    """The labels of a child as they stand in the value that holds it at `step`."""
    return {(step, *path): names for path, names in labels.items()} if labels else NO_LABELS


def children(labelled: Labelled) -> Iterator[tuple[str | int, Labelled]]:
    """Each key or index of a mapping or a list with what it holds, its own labels on it; one pass over all labels."""
    value, labels = labelled
    own = labels.get((), frozenset())
    shared: Labels = {(): own} if own else NO_LABELS
    split = _by_step(labels) if labels else {}
    for step, item in value.items() if isinstance(value, dict) else enumerate(value):
        below_it = split.get(step)
        if below_it is None:
            yield step, Labelled(item, shared)
            continue
        if own:
            below_it[()] = below_it.get((), frozenset()) | own
        yield step, Labelled(item, below_it)


def wrap(labelled: Labelled) -> Any:
    """The value with each labelled leaf as a `Secret`; what carries no label stays as it is."""
    return _rewrite(labelled.value, labelled.labels, frozenset(), Secret, opaque=False)


def mask(labelled: Labelled) -> Any:
    """
    The value with each labelled leaf as the text `[secret NAME]` (several names joined by a comma).

    A mapping that is labelled as a whole becomes that text too: its keys may be what is secret.
    """
    return _rewrite(labelled.value, labelled.labels, frozenset(), lambda names, _: masked_text(names), opaque=True)


def masked_text(names: Names) -> str:
    """How a masked value is written: `[secret NAME]`."""
    return f"[secret {', '.join(sorted(names))}]"


def _rewrite(value: Any, labels: Labels, inherited: Names, leaf: Callable[[Names, Any], Any], *, opaque: bool) -> Any:
    names = inherited | labels.get((), frozenset())
    if not labels and not names:
        return value
    if isinstance(value, dict) and not (opaque and names):
        split = _by_step(labels)
        return {
            key: _rewrite(item, split.get(key, NO_LABELS), names, leaf, opaque=opaque) for key, item in value.items()
        }
    if isinstance(value, list):
        split = _by_step(labels)
        return [_rewrite(item, split.get(at, NO_LABELS), names, leaf, opaque=opaque) for at, item in enumerate(value)]
    return leaf(names, value) if names else value


def _by_step(labels: Labels) -> dict[str | int, dict[Path, Names]]:
    """The labels below, by their first step, in one pass: a list of 10,000 rows may have one in each."""
    split: dict[str | int, dict[Path, Names]] = {}
    for path, names in labels.items():
        if path:
            split.setdefault(path[0], {})[path[1:]] = names
    return split
