"""
The values of an expression: JSON's, and bytes, dates (`datetime`), durations (`timedelta`) and digests inside one.

    truth · same · before (ordering) · child (one step down) · spell (as text) · leave (out of the expression)

The evaluator, the operators and the library share these rules; none of them raises anything but our errors, and none
of them shows a value in a message, only its kind.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from runner.errors import EvaluationError, ExpressionLimitError
from runner.expressions.bounds import Evaluation, checked_number
from runner.expressions.labels import ABSENT, Absent, Labelled, below

_KINDS: Final = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
    bytes: "bytes",
    datetime: "a date",
    timedelta: "a duration",
    type(ABSENT): "nothing (absent)",
}


_NODES_A_STEP: Final = 4
_STEPS_A_PAIR: Final = 4
"""Of two lists or mappings that are compared, besides what they hold."""
_DEEPEST_COMPARED: Final = 100


class Digest(str):
    """The result of `hash` or `hmac`: written in hex, while `b64encode` and `hmac`'s key take `raw`."""

    __slots__ = ("raw",)
    raw: bytes

    @classmethod
    def of(cls, raw: bytes) -> "Digest":
        """The digest of these bytes."""
        digest = cls(raw.hex())
        digest.raw = raw
        return digest


def kind_of(value: Any) -> str:
    """What a value is, in a message: `text`, `a list`; never the value."""
    return _KINDS.get(type(value)) or ("text" if isinstance(value, str) else "a value of no known kind")


def is_number(value: Any) -> bool:
    """Whether it can be computed with; true and false cannot."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def truth(value: Any) -> bool:
    """False for null, false, 0, an empty text, list or mapping, and for what is absent."""
    return isinstance(value, timedelta) or bool(value)


def same(evaluation: Evaluation, left: Any, right: Any) -> bool:
    """
    Equality; never an error but for bounds.

    Absent equals null, 1 equals 1.0, true is no number (Python's own `==` says it is, deep within lists too).
    """
    return _same(evaluation, None if left is ABSENT else left, None if right is ABSENT else right, 0)


def _same(evaluation: Evaluation, left: Any, right: Any, depth: int) -> bool:
    if left is right:
        return True
    if isinstance(left, list) and isinstance(right, list):
        pairs: Any = zip(left, right, strict=False)
    elif isinstance(left, dict) and isinstance(right, dict):
        if left.keys() != right.keys():
            return False
        pairs = ((item, right[key]) for key, item in left.items())
    else:
        return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)
    if len(left) != len(right):
        return False
    evaluation.step(_STEPS_A_PAIR + len(left) // _NODES_A_STEP)
    if depth > _DEEPEST_COMPARED:
        raise ExpressionLimitError(f"values nested deeper than {_DEEPEST_COMPARED} cannot be compared")
    return all(_same(evaluation, one, other, depth + 1) for one, other in pairs)


def sort_key(value: Any) -> Any:
    """What orders this value among its kind. Raises `EvaluationError` for a kind that has no order."""
    if is_number(value) or isinstance(value, str | bytes | datetime | timedelta):
        return value
    raise EvaluationError(f"{kind_of(value)} has no order")


def before(left: Any, right: Any) -> int:
    """
    Negative, 0 or positive, as `left` is before, beside or after `right`. Raises `EvaluationError` for different
    kinds.
    """
    if kind_of(left) != kind_of(right):
        cure = "; make a date of the text by date(…)" if {kind_of(left), kind_of(right)} == {"a date", "text"} else ""
        raise EvaluationError(f"{kind_of(left)} and {kind_of(right)} cannot be ordered{cure}")
    one, other = sort_key(left), sort_key(right)
    return int(one > other) - int(one < other)


def locate(value: Any, step: str | int) -> str | int | None:
    """
    The key or the index (from 0) at which `value` holds what `step` names, or None. `.0` finds the key "0" of a
    mapping.
    """
    if isinstance(value, dict):
        key = step if isinstance(step, str) else str(step)
        return key if key in value else None
    if isinstance(value, list) and isinstance(step, int):
        index = step + len(value) if step < 0 else step
        return index if 0 <= index < len(value) else None
    return None


def child(labelled: Labelled, step: str | int) -> Labelled | Absent:
    """What one step leads to, or `ABSENT`: into a mapping or a list, from nothing else."""
    value, labels = labelled
    key = locate(value, step)
    if key is None:
        return ABSENT
    return Labelled(value[key], below(labels, key) if labels else labels)


def spell(evaluation: Evaluation, value: Any) -> str:
    """
    The value inside a longer text: JSON's spelling, text bare, dates in ISO 8601.

    Raises `EvaluationError` for bytes and for what is absent, `ExpressionLimitError` where it would be too long.
    """
    if isinstance(value, str):
        return str(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(checked_number(value))
    if isinstance(value, datetime | timedelta):
        return iso(value) if isinstance(value, datetime) else spell_duration(value)
    if isinstance(value, list | dict):
        return to_json(evaluation, value)
    raise _unwritable(value)


def to_json(evaluation: Evaluation, value: Any, indent: int | None = None) -> str:
    """JSON text, compact unless `indent` is given. Raises as `spell`."""
    evaluation.weigh(value)
    if indent is None:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_json_leaf)
    else:
        text = _indented(evaluation, value, indent)
    evaluation.room(len(text))
    return text


def leave(value: Any) -> Any:
    """A value as it leaves an expression: dates and durations as text, digests as plain text; bytes stay bytes."""
    if isinstance(value, list):
        return [leave(item) for item in value]
    if isinstance(value, dict):
        return {key: leave(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, timedelta):
        return spell_duration(value)
    return str(value) if isinstance(value, Digest) else value


def iso(date: datetime) -> str:
    """ISO 8601 with milliseconds, `Z` for UTC; microseconds only where there are some."""
    exact = "milliseconds" if date.microsecond % 1000 == 0 else "microseconds"
    text = date.isoformat(timespec=exact)
    return text.removesuffix("+00:00") + "Z" if date.tzinfo is UTC or text.endswith("+00:00") else text


def spell_duration(duration: timedelta) -> str:
    """As durations are written in workflow files: `1d2h`, `90.5s` as `1m30.5s`, `-5m`, `0s`."""
    sign = "-" if duration < timedelta() else ""
    duration = abs(duration)
    minutes, seconds = divmod(duration.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    units = ((duration.days, "d"), (hours, "h"), (minutes, "m"))
    text = "".join(f"{amount}{unit}" for amount, unit in units if amount)
    if seconds or duration.microseconds or not text:
        fraction = f".{duration.microseconds:06}".rstrip("0") if duration.microseconds else ""
        text += f"{seconds}{fraction}s"
    return sign + text


def _indented(evaluation: Evaluation, value: Any, indent: int) -> str:
    """Indentation can make a text many times longer than its value: asked chunk by chunk."""
    chunks: list[str] = []
    size = 0
    for chunk in json.JSONEncoder(ensure_ascii=False, indent=indent, default=_json_leaf).iterencode(value):
        evaluation.step()
        size += len(chunk)
        evaluation.fits(size)
        chunks.append(chunk)
    return "".join(chunks)


def _json_leaf(value: Any) -> str:
    if isinstance(value, datetime | timedelta):
        return iso(value) if isinstance(value, datetime) else spell_duration(value)
    raise _unwritable(value)


def _unwritable(value: Any) -> EvaluationError:
    if isinstance(value, bytes):
        return EvaluationError("bytes cannot stand in text: write them by | b64encode, | hex or | string")
    return EvaluationError(f"{kind_of(value)} cannot be written")
