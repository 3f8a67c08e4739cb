"""
A call of a filter, a function or a test: labels carried over, the names of other functions filled in, errors named.

The evaluator has computed the arguments; what they come to is here. `map('round', 2)` gets the filter itself in the
place of its name, with what follows already in it: names are texts in the expression, checked at load, never data.
"""

from collections.abc import Mapping
from typing import Any

from runner.errors import EvaluationError
from runner.expressions.bounds import Evaluation
from runner.expressions.labels import ABSENT, Absent, Labelled, Names, names_of, whole
from runner.expressions.library import FILTERS, TESTS
from runner.expressions.library.function import Applies, Function

Value = Labelled | Absent


def invoke(
    evaluation: Evaluation, name: str, function: Function, given: list[Value], named: Mapping[str, Value]
) -> Value:
    """The result with its labels. An `EvaluationError` gets `name` before its message."""
    try:
        if function.applies is None:
            return _carry_out(evaluation, function, given, named)
        return _apply(evaluation, function, function.applies, given, named)
    except EvaluationError as error:
        raise type(error)(f"{name} {error}") from None


def value_of(found: Any) -> Any:
    """The plain value, or `ABSENT`."""
    return ABSENT if isinstance(found, Absent) else found.value


def joined_names(*parts: Labelled) -> Names:
    """The names of all secrets that any of these came from."""
    found: Names = frozenset()
    for part in parts:
        if part.labels:
            found |= names_of(part.labels)
    return found


def _apply(
    evaluation: Evaluation, function: Function, applies: Applies, given: list[Value], named: Mapping[str, Value]
) -> Value:
    """`map('round', precision=2)`: what `map` does not know itself goes on to `round`."""
    own, rest = given[: applies.position + 1], given[applies.position + 1 :]
    kept = {key: value for key, value in named.items() if key in function.parameters}
    handed_on = {key: value for key, value in named.items() if key not in kept}
    if not rest:
        return _carry_out(evaluation, function, own, kept)
    name = value_of(rest[0])
    applied = (FILTERS if applies.kind == "filter" else TESTS)[name]

    def to_one(item: Value) -> Value:
        evaluation.step()
        if isinstance(item, Absent) and not applied.absent:
            raise EvaluationError(f"applies `{name}`, which needs a value, to an absent attribute")
        return _carry_out(evaluation, applied, [item, *rest[1:]], handed_on)

    return _carry_out(evaluation, function, [*own, to_one], kept)


def _carry_out(evaluation: Evaluation, function: Function, given: list[Any], named: Mapping[str, Any]) -> Value:
    if function.treatment == "precise":
        found: Value = function.call(evaluation, *given, **named)
        return found
    plain = {key: value_of(item) for key, item in named.items()}
    made = function.call(evaluation, *(value_of(item) for item in given), **plain)
    if isinstance(made, Absent):
        return made
    if function.treatment == "unlabelled":
        return Labelled(made)
    return whole(made, joined_names(*given, *named.values()))
