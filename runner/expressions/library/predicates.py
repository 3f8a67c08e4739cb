"""
The tests of `is`, `select` and `selectattr`, and `in`: questions about a value, whose answers carry no label.

Those of a kind (`is string`), of equality and of `in` take an absent value for null; those of order want one that is
there. The registry in `runner.expressions.library` and the evaluator's `in` are the callers.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from runner.errors import EvaluationError
from runner.expressions.bounds import Evaluation
from runner.expressions.labels import ABSENT
from runner.expressions.library.arguments import number
from runner.expressions.library.function import Function, unlabelled
from runner.expressions.library.texts import match
from runner.expressions.operators import compute
from runner.expressions.values import before, is_number, kind_of, same


def contains(evaluation: Evaluation, holder: Any, value: Any) -> bool:
    """
    `value in holder`: an item of a list, a key of a mapping, a part of a text; nothing is in what is absent or null.
    """
    if holder is ABSENT or holder is None:
        return False
    if isinstance(holder, list):
        evaluation.step(len(holder))
        return any(same(evaluation, item, value) for item in holder)
    if isinstance(holder, dict):
        return isinstance(value, str) and value in holder
    if isinstance(holder, str) and isinstance(value, str):
        evaluation.read(len(holder))
        return value in holder
    raise EvaluationError(f"`in` needs a list, a mapping, or text in text; found {kind_of(value)} in {kind_of(holder)}")


def _ordered(accepts: Callable[[int], bool]) -> Function:
    def test(evaluation: Evaluation, value: Any, other: Any) -> bool:
        evaluation.step()
        return accepts(before(value, other))

    return unlabelled(test)


def _kind(accepts: Callable[[Any], bool]) -> Function:
    def test(evaluation: Evaluation, value: Any) -> bool:
        evaluation.step()
        return accepts(value)

    return unlabelled(test, absent=1)


def _eq(evaluation: Evaluation, value: Any, other: Any) -> bool:
    return same(evaluation, value, other)


def _ne(evaluation: Evaluation, value: Any, other: Any) -> bool:
    return not same(evaluation, value, other)


def _in(evaluation: Evaluation, value: Any, seq: Any) -> bool:
    return contains(evaluation, seq, value)


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise EvaluationError(f"needs a whole number, found {kind_of(value)}")


def _divisible(evaluation: Evaluation, value: Any, num: Any) -> bool:
    evaluation.step()
    return bool(compute(evaluation, "%", number(value), number(num, "num")) == 0)


def _odd(evaluation: Evaluation, value: Any) -> bool:
    evaluation.step()
    return _whole(value) % 2 == 1


def _even(evaluation: Evaluation, value: Any) -> bool:
    evaluation.step()
    return _whole(value) % 2 == 0


TESTS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "defined": _kind(lambda value: value is not ABSENT),
        "undefined": _kind(lambda value: value is ABSENT),
        "none": _kind(lambda value: value is None or value is ABSENT),
        "true": _kind(lambda value: value is True),
        "false": _kind(lambda value: value is False),
        "boolean": _kind(lambda value: isinstance(value, bool)),
        "integer": _kind(lambda value: isinstance(value, int) and not isinstance(value, bool)),
        "float": _kind(lambda value: isinstance(value, float)),
        "number": _kind(is_number),
        "string": _kind(lambda value: isinstance(value, str)),
        "sequence": _kind(lambda value: isinstance(value, list)),
        "mapping": _kind(lambda value: isinstance(value, dict)),
        "eq": unlabelled(_eq, absent=2),
        "ne": unlabelled(_ne, absent=2),
        "lt": _ordered(lambda sign: sign < 0),
        "le": _ordered(lambda sign: sign <= 0),
        "gt": _ordered(lambda sign: sign > 0),
        "ge": _ordered(lambda sign: sign >= 0),
        "in": unlabelled(_in, absent=2),
        "match": unlabelled(match),
        "divisibleby": unlabelled(_divisible),
        "odd": unlabelled(_odd),
        "even": unlabelled(_even),
    }
)
