"""
Arithmetic: strict, and bounded before anything is made.

    compute(evaluation, "+", left, right) → value

Numbers with numbers, text with text and lists with lists for `+`, dates with durations; true and false are no numbers.
`runner.expressions.evaluate` calls it with plain values and sees to labels and positions.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from runner.errors import EvaluationError, ExpressionLimitError
from runner.expressions.bounds import MAX_BITS, MAX_DIGITS, Evaluation, checked_number
from runner.expressions.values import is_number, kind_of


def compute(evaluation: Evaluation, symbol: str, left: Any, right: Any) -> Any:
    """
    `left symbol right`. Raises `EvaluationError` for kinds that do not go together, `ExpressionLimitError` for
    bounds.
    """
    try:
        if is_number(left) and is_number(right):
            return checked_number(_NUMBERS[symbol](left, right))
        if isinstance(left, datetime | timedelta) or isinstance(right, datetime | timedelta):
            return _with_time(evaluation, symbol, left, right)
        if symbol == "+" and isinstance(left, str) and isinstance(right, str):
            evaluation.room(len(left) + len(right))
            return str(left) + str(right)
        if symbol == "+" and isinstance(left, list) and isinstance(right, list):
            return _joined(evaluation, left, right)
        if symbol == "*":
            return _repeated(evaluation, left, right)
    except ZeroDivisionError:
        raise EvaluationError(f"`{symbol}` by zero") from None
    except OverflowError:
        raise ExpressionLimitError(f"the result of `{symbol}` is too large") from None
    raise _unfit(symbol, left, right)


def negate(value: Any) -> Any:
    """`-value`, of a number or a duration."""
    if is_number(value) or isinstance(value, timedelta):
        return -value
    raise EvaluationError(f"`-` needs a number, found {kind_of(value)}")


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        if base.bit_length() * exponent > MAX_BITS + exponent:
            raise ExpressionLimitError(f"the number would have more than {MAX_DIGITS:,} digits")
        return base**exponent
    result = float(base) ** float(exponent)
    if isinstance(result, complex):
        raise EvaluationError("`**` of a negative number needs a whole exponent")
    return result


_NUMBERS: Final[Mapping[str, Callable[[Any, Any], Any]]] = MappingProxyType(
    {
        "+": lambda left, right: left + right,
        "-": lambda left, right: left - right,
        "*": lambda left, right: left * right,
        "/": lambda left, right: left / right,
        "//": lambda left, right: left // right,
        "%": lambda left, right: left % right,
        "**": _power,
    }
)


def _joined(evaluation: Evaluation, left: list[Any], right: list[Any]) -> list[Any]:
    evaluation.room(evaluation.weigh(left) + evaluation.weigh(right))
    return left + right


def _repeated(evaluation: Evaluation, left: Any, right: Any) -> Any:
    value, count = (left, right) if isinstance(left, str | list) else (right, left)
    if not isinstance(value, str | list) or not isinstance(count, int) or isinstance(count, bool):
        raise _unfit("*", left, right)
    if isinstance(value, str):
        evaluation.room(len(value) * max(count, 0))
    else:
        evaluation.room(evaluation.weigh(value, max(count, 0)))
        evaluation.step(len(value) * max(count, 0))
    return value * count


def _with_time(evaluation: Evaluation, symbol: str, left: Any, right: Any) -> Any:
    evaluation.special = True
    one, other = type(left), type(right)
    if symbol == "+" and {one, other} == {datetime, timedelta}:
        return left + right
    if symbol == "-" and (one, other) in {(datetime, timedelta), (datetime, datetime)}:
        return left - right
    if one is other is timedelta and symbol in {"+", "-", "/"}:
        return _NUMBERS[symbol](left, right)
    if symbol == "*" and (is_number(left) or is_number(right)):
        return left * right if timedelta in {one, other} else _refuse(symbol, left, right)
    if symbol == "/" and one is timedelta and is_number(right):
        return left / right
    return _refuse(symbol, left, right)


def _refuse(symbol: str, left: Any, right: Any) -> Any:
    raise _unfit(symbol, left, right)


def _unfit(symbol: str, left: Any, right: Any) -> EvaluationError:
    kinds = f"{kind_of(left)} and {kind_of(right)}"
    if symbol == "+" and (isinstance(left, str) or isinstance(right, str)):
        cure = "; to join texts write `~`, to compute make a number by `| int` or `| float`"
    elif symbol == "%" and isinstance(left, str):
        cure = "; to put values into a text write `~`"
    elif isinstance(left, str) and isinstance(right, datetime | timedelta):
        cure = "; make a date of the text by date(…)"
    else:
        cure = ""
    return EvaluationError(f"`{symbol}` does not go with {kinds}{cure}")
