"""
Values before they can be known: what is known is evaluated, what only a run can know is an `Unknown` in its place.

    {"url": "https://h/$input.id/$action.a.body"} ──foreseen(leaf, scope)──► {"url": Unknown("https://h/7/<$action.a.body>")}

A scope says by raising `UnknownValueError` that a reference leads to something unknown; whatever is computed from it is
unknown too, but for what the evaluator never looks at (`$input.dry or $action.a.ok` is true where `dry` is). `runner
plan` is made of this, by `Template.foresee`; a run never is.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from runner.expressions.labels import NO_LABELS, Absent, Labelled, Path, mask, names_of
from runner.expressions.leaves import (
    Bindings,
    Bound,
    FromExpression,
    FromReference,
    Keyed,
    Later,
    Leaf,
    Mixed,
    Sequence,
    Statement,
)
from runner.expressions.scope import Scope


class Unknown(NamedTuple):
    """In the place of a value: how a person is told of it. Nothing secret is in it."""

    shown: str


class UnknownValueError(Exception):
    """A reference leads to what is not known. It ends the evaluation of the expression around it and nothing more."""

    def __init__(self, unknown: Unknown, partly: Labelled | None = None) -> None:
        """`partly` is what is known of the value, where that is more than nothing."""
        self.unknown = unknown
        self.partly = partly
        super().__init__(unknown.shown)


def foreseen(leaf: Leaf, scope: Scope) -> Labelled | Absent:
    """
    The value with an `Unknown` wherever a part of it cannot be known. Raises as `Template.evaluate`.

    Of a text with an unknown or a secret hole the known parts are written out and the secret ones masked.
    """
    match leaf:
        case Keyed() | Sequence():
            return _filled(leaf, scope)
        case Mixed() if not all(_is_plain(part, scope) for part in leaf.parts):
            return Labelled(Unknown("".join(_written(part, scope) for part in leaf.parts)))
        case Bindings():
            return Labelled(Statement(tuple(_bound(part, scope) for part in leaf.parts)))
        case Later():
            return Labelled(leaf.source)
        case FromReference() | FromExpression():
            return _hole(leaf, scope)
        case _:
            return leaf.find(scope)


def shown(labelled: Labelled) -> Any:
    """
    A foreseen value as JSON for a person: unknown parts as their text, secret ones masked, a statement as `{text,
    values}`.
    """
    return _plain(mask(labelled))


def is_known(value: Any) -> bool:
    """Whether nothing in it is unknown."""
    if isinstance(value, dict | list):
        return all(map(is_known, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, Unknown)


def _hole(leaf: FromReference | FromExpression, scope: Scope) -> Labelled | Absent:
    try:
        return leaf.find(scope)
    except UnknownValueError as found:
        if isinstance(leaf, FromExpression):
            return Labelled(Unknown(f"<{leaf.source}>"))
        return found.partly or Labelled(found.unknown)


def _written_hole(leaf: FromReference | FromExpression, scope: Scope) -> Labelled:
    found = _hole(leaf, scope)
    if isinstance(found, Absent):
        raise leaf.absent()
    return found


def _is_plain(part: str | FromReference | FromExpression, scope: Scope) -> bool:
    if isinstance(part, str):
        return True
    found = _written_hole(part, scope)
    return is_known(found.value) and not names_of(found.labels)


def _written(part: str | FromReference | FromExpression, scope: Scope) -> str:
    if isinstance(part, str):
        return part
    found = shown(_written_hole(part, scope))
    if isinstance(found, str):
        return found
    text: str = Mixed((_Given(found, part),)).find(scope).value  # type: ignore[arg-type]  # stands for its part
    return text


def _bound(part: str | FromReference | FromExpression, scope: Scope) -> str | Bound:
    return part if isinstance(part, str) else Bound(part.source, shown(_written_hole(part, scope)))


def _filled(leaf: Keyed | Sequence, scope: Scope) -> Labelled:
    made: Any = leaf.fixed.copy()
    labels: dict[Path, frozenset[str]] = {}
    for key, each in leaf.computed:
        found = foreseen(each, scope)
        if isinstance(found, Absent):
            raise each.absent()
        made[key] = found.value
        labels |= {(key, *path): names for path, names in found.labels.items()}
    return Labelled(made, labels or NO_LABELS)


def _plain(value: Any) -> Any:
    match value:
        case Unknown():
            return value.shown
        case Statement():
            bound = {part.source: part.value for part in value.parts if isinstance(part, Bound)}
            text = "".join(part if isinstance(part, str) else part.source for part in value.parts)
            return {"text": text, "values": bound}
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value


class _Given:
    """A hole whose value is known already, so that it is spelled by the rules of texts."""

    def __init__(self, value: Any, leaf: FromReference | FromExpression) -> None:
        self._value = value
        self.source, self.path, self.offset = leaf.source, leaf.path, leaf.offset
        self.absent: Callable[[], Exception] = leaf.absent

    def find(self, scope: Scope) -> Labelled:  # noqa: ARG002  it is known already
        """The value."""
        return Labelled(self._value)
