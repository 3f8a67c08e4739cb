"""
Functions on numbers: `int`, `float`, `round`, `abs`, `sum`.

True and false are numbers only where a conversion is asked for. A text that is no number is an error unless a default
is given: a slip never becomes 0 in silence. `round` to 0 places gives a whole number. The registry in
`runner.expressions.library` is the only caller; the arguments arrive as they were computed, of any kind.
"""

import math
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from runner.errors import EvaluationError
from runner.expressions.bounds import Evaluation, checked_number
from runner.expressions.labels import ABSENT, Labelled, names_of
from runner.expressions.labels import whole as labelled_whole
from runner.expressions.library.arguments import digits, elements, must_have, number, text, whole
from runner.expressions.library.function import Function, plain, precise
from runner.expressions.operators import compute
from runner.expressions.values import kind_of

_MOST_PLACES: Final = 15
_DECIMAL: Final = 10


def to_int(evaluation: Evaluation, value: Any, default: Any = ABSENT, base: Any = 10) -> Any:
    """
    A whole number: of text, of a number cut at its point, of a duration in seconds. Without `default` an error where
    it is none.
    """
    evaluation.step()
    try:
        if isinstance(value, str):
            written = digits(str(value).strip())
            radix = whole(base, "base", least=2, most=36)
            if radix != _DECIMAL or not _has_point(written):
                return checked_number(int(written, radix))
            return checked_number(int(float(written)))
        if isinstance(value, int | float):
            return int(value)
        if isinstance(value, timedelta):
            return int(value.total_seconds())
    except (ValueError, OverflowError):
        pass
    return _or_default(default, value, "a whole number")


def to_float(evaluation: Evaluation, value: Any, default: Any = ABSENT) -> Any:
    """
    A number with a point: of text, of a number, of a duration in seconds. Without `default` an error where it is
    none.
    """
    evaluation.step()
    try:
        if isinstance(value, str):
            found = float(digits(str(value).strip()))
            return found if math.isfinite(found) else _or_default(default, value, "a number")
        if isinstance(value, int | float):
            return float(value)
        if isinstance(value, timedelta):
            return value.total_seconds()
    except (ValueError, OverflowError):
        pass
    return _or_default(default, value, "a number")


def rounded(evaluation: Evaluation, value: Any, precision: Any = 0, method: Any = "common") -> Any:
    """To `precision` places, a whole number for 0; `method` is `common` (halves to even), `ceil` or `floor`."""
    evaluation.step()
    places = whole(precision, "precision", least=-_MOST_PLACES, most=_MOST_PLACES)
    if text(method, "method") not in _METHODS:
        raise EvaluationError("needs `method` to be 'common', 'ceil' or 'floor'")
    exact = number(value)
    if isinstance(exact, int) and places >= 0:
        return exact
    try:
        result = _METHODS[method](exact, places)
    except OverflowError:
        raise EvaluationError("is given a number that is too large") from None
    return checked_number(int(result) if places <= 0 else result)


def absolute(evaluation: Evaluation, value: Any) -> Any:
    """Without its sign; of a number or a duration."""
    evaluation.step()
    return abs(value) if isinstance(value, timedelta) else abs(number(value))


def total(
    evaluation: Evaluation, value: Labelled, attribute: Labelled | None = None, start: Labelled | None = None
) -> Labelled:
    """The sum of a list's numbers or durations, or of their `attribute`, begun at `start` (0)."""
    key = attribute.value if attribute else None
    first, *rest = (start or Labelled(0), *elements(evaluation, value))
    result, names = first.value, names_of(first.labels)
    for index, part in enumerate(rest):
        amount = must_have(part, key, index)
        if isinstance(amount.value, str | list):
            raise EvaluationError(f"needs numbers, found {kind_of(amount.value)} in item {index}")
        result = (
            amount.value
            if result == 0 and isinstance(amount.value, timedelta)
            else compute(evaluation, "+", result, amount.value)
        )
        names |= names_of(amount.labels)
    return labelled_whole(result, names)


def _has_point(written: str) -> bool:
    return any(mark in written for mark in ".eE")


def _or_default(default: Any, value: Any, expected: str) -> Any:
    if default is ABSENT:
        found = "text that is none" if isinstance(value, str) else kind_of(value)
        raise EvaluationError(f"needs {expected}, found {found}; give a default: (default=0)")
    return default


_METHODS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "common": round,
        "ceil": lambda value, places: math.ceil(value * 10**places) / 10**places,
        "floor": lambda value, places: math.floor(value * 10**places) / 10**places,
    }
)

FILTERS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "int": plain(to_int),
        "float": plain(to_float),
        "round": plain(rounded),
        "abs": plain(absolute),
        "sum": precise(total),
    }
)
