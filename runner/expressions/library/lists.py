"""
Functions on lists: picking, ordering, joining, cutting.

Each item keeps its own labels (`elements` → `gathered`), so that one secret column does not mask the others.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from runner.errors import EvaluationError
from runner.expressions.bounds import Evaluation
from runner.expressions.labels import ABSENT, Absent, Labelled, names_of
from runner.expressions.labels import whole as labelled_whole
from runner.expressions.library.arguments import at_path, elements, gathered, must_have, text, whole
from runner.expressions.library.function import Applies, Function, precise, unlabelled
from runner.expressions.values import before, kind_of, sort_key, spell, truth

Call = Callable[[Labelled | Absent], Any]
"""A filter or test with its further arguments already in it."""

_NOTHING: Final = Labelled(None)
_STEPS_OF_FLATTENING: Final = 3
_STEPS_OF_AN_IDENTITY: Final = 2
"""Of a list or mapping that `unique` makes comparable."""
_YES: Final = Labelled(True)
_EMPTY: Final = Labelled("")
_ONE: Final = Labelled(1)


def length(evaluation: Evaluation, value: Any) -> int:
    """How many letters, items, keys or bytes."""
    evaluation.step()
    if isinstance(value, str | list | dict | bytes):
        return len(value)
    raise EvaluationError(f"needs text, a list or a mapping, found {kind_of(value)}")


def first(evaluation: Evaluation, value: Labelled) -> Labelled | Absent:
    """The first item or letter; absent where there is none."""
    return _end(evaluation, value, 0)


def last(evaluation: Evaluation, value: Labelled) -> Labelled | Absent:
    """The last item or letter; absent where there is none."""
    return _end(evaluation, value, -1)


def as_list(evaluation: Evaluation, value: Labelled) -> Labelled:
    """A list as it is, the keys of a mapping, the letters of a text."""
    if isinstance(value.value, dict | str):
        evaluation.step(len(value.value))
        names = names_of(value.labels) if isinstance(value.value, str) else value.labels.get((), frozenset())
        return labelled_whole(list(value.value), names)
    return gathered(elements(evaluation, value))


def reverse(evaluation: Evaluation, value: Labelled) -> Labelled:
    """A list or a text from its end."""
    if isinstance(value.value, str):
        evaluation.room(len(value.value))
        return labelled_whole(value.value[::-1], names_of(value.labels))
    return gathered(elements(evaluation, value)[::-1])


def sort(
    evaluation: Evaluation,
    value: Labelled,
    reverse: Labelled = _NOTHING,
    case_sensitive: Labelled = _NOTHING,
    attribute: Labelled = _NOTHING,
) -> Labelled:
    """
    In order, or by `attribute` (`"a"`, `"owner.name"`, `"a,b"`); capitals do not count unless `case_sensitive=true`.
    """
    parts = elements(evaluation, value)
    ordered = sorted(
        parts, key=_keys(evaluation, parts, attribute.value, case_sensitive.value), reverse=truth(reverse.value)
    )
    return gathered(ordered)


def least(
    evaluation: Evaluation, value: Labelled, case_sensitive: Labelled = _NOTHING, attribute: Labelled = _NOTHING
) -> Labelled | Absent:
    """The smallest item, or the one with the smallest `attribute`; absent for an empty list."""
    parts = elements(evaluation, value)
    return min(parts, key=_keys(evaluation, parts, attribute.value, case_sensitive.value), default=ABSENT)


def greatest(
    evaluation: Evaluation, value: Labelled, case_sensitive: Labelled = _NOTHING, attribute: Labelled = _NOTHING
) -> Labelled | Absent:
    """The greatest item, or the one with the greatest `attribute`; absent for an empty list."""
    parts = elements(evaluation, value)
    return max(parts, key=_keys(evaluation, parts, attribute.value, case_sensitive.value), default=ABSENT)


def unique(
    evaluation: Evaluation, value: Labelled, case_sensitive: Labelled = _YES, attribute: Labelled = _NOTHING
) -> Labelled:
    """Each item once, the first of equals; capitals count unless `case_sensitive=false`: nothing is lost in silence."""
    kept: dict[Any, Labelled] = {}
    for index, part in enumerate(elements(evaluation, value)):
        key = must_have(part, attribute.value, index).value
        folded = key.lower() if isinstance(key, str) and not truth(case_sensitive.value) else key
        kept.setdefault(_identity(evaluation, folded), part)
    return gathered(list(kept.values()))


def join(evaluation: Evaluation, value: Labelled, d: Labelled = _EMPTY, attribute: Labelled = _NOTHING) -> Labelled:
    """The items, or their `attribute`, as one text with `d` between them."""
    parts = [must_have(part, attribute.value, index) for index, part in enumerate(elements(evaluation, value))]
    between = text(d.value, "d")
    pieces = [spell(evaluation, part.value) for part in parts]
    evaluation.room(sum(map(len, pieces)) + len(between) * len(pieces))
    names = names_of(d.labels)
    for part in parts:
        names |= names_of(part.labels)
    return labelled_whole(between.join(pieces), names)


def flat(evaluation: Evaluation, value: Labelled, levels: Labelled = _ONE) -> Labelled:
    """The items of the lists in the list, `levels` deep; what is no list stays."""
    parts = elements(evaluation, value)
    for _ in range(whole(levels.value, "levels", most=50)):
        if not any(isinstance(part.value, list) for part in parts):
            break
        evaluation.step(_STEPS_OF_FLATTENING * len(parts))
        nested = [elements(evaluation, part) if isinstance(part.value, list) else [part] for part in parts]
        parts = [item for items in nested for item in items]
    return gathered(parts)


def batch(evaluation: Evaluation, value: Labelled, linecount: Labelled, fill_with: Labelled = _NOTHING) -> Labelled:
    """Lists of `linecount` items each; the last is filled up with `fill_with` where that is given."""
    parts = elements(evaluation, value)
    count = whole(linecount.value, "linecount", least=1)
    lines = [parts[at : at + count] for at in range(0, len(parts), count)]
    evaluation.step(len(lines))
    if lines and fill_with.value is not None:
        _fill(evaluation, lines[-1], fill_with, count)
    return gathered([gathered(line) for line in lines])


def slices(evaluation: Evaluation, value: Labelled, slices: Labelled, fill_with: Labelled = _NOTHING) -> Labelled:
    """That many lists of about the same length; shorter ones are filled up with `fill_with` where that is given."""
    parts = elements(evaluation, value)
    count = whole(slices.value, "slices", least=1)
    evaluation.step(count)
    each, more = divmod(len(parts), count)
    lines, at = [], 0
    for index in range(count):
        end = at + each + (index < more)
        lines.append(parts[at:end])
        at = end
    if fill_with.value is not None and more:
        for line in lines[more:]:
            _fill(evaluation, line, fill_with, each + 1)
    return gathered([gathered(line) for line in lines])


def apply_to_all(
    evaluation: Evaluation,
    value: Labelled,
    name: Call | None = None,
    attribute: Labelled = _NOTHING,
    default: Labelled | Absent = ABSENT,
) -> Labelled:
    """`map(attribute='a.b')`, with a `default` for items that have none, or `map('upper')`: a filter on each item."""
    parts = elements(evaluation, value)
    if name is None and attribute.value is None:
        raise EvaluationError("needs an attribute, map(attribute='name'), or a filter, map('upper')")
    found = []
    for index, part in enumerate(parts):
        one: Any = part if attribute.value is None else at_path(part, attribute.value)
        if one is ABSENT:
            one = must_have(part, attribute.value, index) if default is ABSENT else default
        one = one if name is None else name(one)
        if one is ABSENT:
            raise EvaluationError(f"finds nothing for item {index}")
        found.append(one)
    return gathered(found)


def select(evaluation: Evaluation, value: Labelled, name: Call | None = None) -> Labelled:
    """The items that are true, or that pass the test: `select('gt', 3)`."""
    return gathered([part for part in elements(evaluation, value) if _passes(part, name)])


def reject(evaluation: Evaluation, value: Labelled, name: Call | None = None) -> Labelled:
    """The items that are not true, or do not pass the test."""
    return gathered([part for part in elements(evaluation, value) if not _passes(part, name)])


def selectattr(evaluation: Evaluation, value: Labelled, attribute: Labelled, name: Call | None = None) -> Labelled:
    """The items whose attribute is true, or passes the test: `selectattr('state', 'eq', 'open')`."""
    key = attribute.value
    return gathered([part for part in elements(evaluation, value) if _passes(at_path(part, key), name)])


def rejectattr(evaluation: Evaluation, value: Labelled, attribute: Labelled, name: Call | None = None) -> Labelled:
    """The items whose attribute is not true, or does not pass the test."""
    key = attribute.value
    return gathered([part for part in elements(evaluation, value) if not _passes(at_path(part, key), name)])


def _end(evaluation: Evaluation, value: Labelled, index: int) -> Labelled | Absent:
    evaluation.step()
    inner = value.value
    if isinstance(inner, str):
        return labelled_whole(inner[index], names_of(value.labels)) if inner else ABSENT
    if not isinstance(inner, list):
        raise EvaluationError(f"needs a list or text, found {kind_of(inner)}")
    return at_path(value, index) if inner else ABSENT


def _passes(part: Any, test: Call | None) -> bool:
    answer = part if test is None else test(part)
    return answer is not ABSENT and truth(answer.value)


def _fill(evaluation: Evaluation, line: list[Labelled], filler: Labelled, count: int) -> None:
    missing = count - len(line)
    evaluation.step(missing)
    evaluation.weigh(filler.value, missing)
    line += [filler] * missing


def _keys(
    evaluation: Evaluation, parts: list[Labelled], attribute: Any, case_sensitive: Any
) -> Callable[[Labelled], Any]:
    """A sort key for each of `parts`, of one kind throughout. Raises `EvaluationError` for a mix."""
    paths = attribute.split(",") if isinstance(attribute, str) else [attribute]
    evaluation.step(len(parts) * len(paths))
    keys = {}
    for index, part in enumerate(parts):
        values = [must_have(part, path, index).value for path in paths]
        key = [sort_key(value) for value in values]
        keys[id(part)] = [one.lower() if isinstance(one, str) and not truth(case_sensitive) else one for one in key]
        for one, other in zip(keys[id(part)], keys[id(parts[0])], strict=True):
            before(one, other)
    return lambda part: keys[id(part)]


def _identity(evaluation: Evaluation, value: Any) -> Any:
    """Something hashable that is equal for equal values, true and 1 told apart."""
    evaluation.step(1 + _STEPS_OF_AN_IDENTITY * isinstance(value, list | dict))
    if isinstance(value, list):
        return ("list", *(_identity(evaluation, item) for item in value))
    if isinstance(value, dict):
        return ("mapping", frozenset((key, _identity(evaluation, item)) for key, item in value.items()))
    return (isinstance(value, bool), value)


FILTERS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "length": unlabelled(length),
        "first": precise(first),
        "last": precise(last),
        "list": precise(as_list),
        "reverse": precise(reverse),
        "sort": precise(sort),
        "min": precise(least),
        "max": precise(greatest),
        "unique": precise(unique),
        "join": precise(join),
        "flat": precise(flat),
        "batch": precise(batch),
        "slice": precise(slices),
        "map": precise(apply_to_all, applies=Applies("filter", 0)),
        "select": precise(select, applies=Applies("test", 0)),
        "reject": precise(reject, applies=Applies("test", 0)),
        "selectattr": precise(selectattr, applies=Applies("test", 1)),
        "rejectattr": precise(rejectattr, applies=Applies("test", 1)),
    }
)
