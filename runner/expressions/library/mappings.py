"""
Functions on mappings and on any value: `keys`, `values`, `items`, `merge`, `by`, `default`, `secret`.

Each value keeps its own labels; what labels a mapping as a whole goes on to its keys. `default` takes absent and null
alike. `by` refuses a key that two items share rather than lose one. The registry in `runner.expressions.library` is the
only caller.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from runner.errors import EvaluationError
from runner.expressions.bounds import Evaluation
from runner.expressions.labels import Absent, Labelled, names_of
from runner.expressions.labels import whole as labelled_whole
from runner.expressions.library.arguments import elements, entries, gathered, mapped, mapping, must_have, text
from runner.expressions.library.function import Function, precise
from runner.expressions.values import kind_of, spell, truth

MARKED: Final = "expression"
"""The name that `| secret` gives where none is written."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_STEPS_OF_INDEXING: Final = 5
_NO: Final = Labelled(None)
_EMPTY: Final = Labelled("")
_MARK: Final = Labelled(MARKED)


def keys(evaluation: Evaluation, value: Labelled) -> Labelled:
    """The keys of a mapping, in its order."""
    evaluation.step(len(mapping(value.value)))
    return labelled_whole(list(value.value), value.labels.get((), frozenset()))


def values(evaluation: Evaluation, value: Labelled) -> Labelled:
    """The values of a mapping, in its order."""
    return gathered(list(entries(evaluation, value).values()))


def items(evaluation: Evaluation, value: Labelled) -> Labelled:
    """The `[key, value]` pairs of a mapping, in its order."""
    own = value.labels.get((), frozenset())
    pairs = [[labelled_whole(key, own), part] for key, part in entries(evaluation, value).items()]
    return gathered([gathered(pair) for pair in pairs])


def merge(evaluation: Evaluation, value: Labelled, other: Labelled) -> Labelled:
    """Both mappings in one, `other` wins; what lies below a key is not merged."""
    merged = entries(evaluation, value) | entries(evaluation, other, "other")
    made = mapped(merged, value.labels.get((), frozenset()) | other.labels.get((), frozenset()))
    evaluation.weigh(made.value)
    return made


def by(evaluation: Evaluation, value: Labelled, attribute: Labelled, many: Labelled = _NO) -> Labelled:
    """
    Each item of a list under its `attribute`, as a mapping: rows by id, looked up by key.

    A value that two items share is an error, unless `many=true`: then every key leads to the list of its items.
    """
    found: dict[str, list[Labelled]] = {}
    owners: frozenset[str] = frozenset()
    for index, part in enumerate(elements(evaluation, value)):
        evaluation.step(_STEPS_OF_INDEXING)
        key = must_have(part, attribute.value, index)
        if isinstance(key.value, list | dict | bytes) or key.value is None:
            raise EvaluationError(f"needs text or a number as key, found {kind_of(key.value)} in item {index}")
        owners |= names_of(key.labels)
        held = found.setdefault(spell(evaluation, key.value), [])
        held.append(part)
        if len(held) > 1 and not truth(many.value):
            raise EvaluationError(f"finds a key twice (item {index}); take | unique before it or by(…, many=true)")
    return mapped({key: gathered(held) if truth(many.value) else held[0] for key, held in found.items()}, owners)


def default(
    evaluation: Evaluation, value: Labelled | Absent, default_value: Labelled = _EMPTY, boolean: Labelled = _NO
) -> Labelled | Absent:
    """`default_value` for what is absent or null; with `boolean=true` for everything that is false."""
    evaluation.step()
    if isinstance(value, Absent) or value.value is None:
        return default_value
    return default_value if truth(boolean.value) and not truth(value.value) else value


def secret(evaluation: Evaluation, value: Labelled, name: Labelled = _MARK) -> Labelled:
    """The value, from now on masked like a secret of that name wherever Runner writes it."""
    evaluation.step()
    label = text(name.value, "name")
    if not _NAME.fullmatch(label):
        raise EvaluationError("needs a `name` of letters, digits and `_`, at most 64")
    return Labelled(value.value, {**value.labels, (): value.labels.get((), frozenset()) | {label}})


FILTERS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "keys": precise(keys),
        "values": precise(values),
        "items": precise(items),
        "merge": precise(merge),
        "by": precise(by),
        "default": precise(default, absent=2),
        "secret": precise(secret),
    }
)
