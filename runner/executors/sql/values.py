"""
JSON values on their way into a database and back, as far as all three databases agree.

| from a database | JSON value |
|---|---|
| integer | integer, exact whatever its size |
| decimal | an integer where it has no fraction digits, else text with all of its digits: `"12.50"` |
| float | number; what JSON has no number for is `"NaN"`, `"Infinity"`, `"-Infinity"` |
| bytes | base64 text |
| date, time, timestamp | ISO 8601 text |
| JSON | the value it holds, its decimals as numbers |

Each driver adds what it alone has. A value that does not fit is a `Misfit`, whose text names its type and never the
value: values may be secret or remote.
"""

import base64
import binascii
import json
import math
import re
from decimal import Decimal
from typing import Any, Final

import msgspec

_NAMES: Final = {
    str: "text",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "an object",
}
_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,6})?", re.ASCII)
_JSON_INTEGER: Final = re.compile(r"-?(?:0|[1-9]\d*)", re.ASCII)
_MOST_DIGITS: Final = 4000
"""Python reads integers of 4,300 digits at most; longer ones stay text."""


class MisfitError(Exception):
    """A value does not fit where it goes. `str(error)` says what was expected and found, not the value."""


def kind_of(value: Any) -> str:
    """How messages name the type of a JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bytes):
        return "bytes"
    return _NAMES.get(type(value), type(value).__name__)


def spelled(value: Any) -> str:
    """JSON's spelling of anything but text; text as it is. Raises MisfitError for what JSON cannot hold."""
    return value if isinstance(value, str) else to_json(value)


def to_json(value: Any) -> str:
    """The value as JSON text. Raises MisfitError for bytes, NaN and text that is no Unicode."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise MisfitError(
            f"expected what JSON can hold, found {kind_of(value)} with bytes, NaN or too deep a nesting in it"
        ) from None
    return checked_text(text)


def checked_text(text: str) -> str:
    """The text, if it can be written as UTF-8. Raises MisfitError for half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MisfitError("expected Unicode text, found text with half a surrogate pair in it") from None
    return text


def whole_number(value: Any) -> int | None:
    """The integer that `value` is exactly, numbers without fraction and JSON's spelling included; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and len(value) < _MOST_DIGITS and _JSON_INTEGER.fullmatch(value):
        return int(value)
    return None


def exact_decimal(value: Any) -> Decimal | None:
    """The decimal that `value` is in JSON's spelling: 12.1 is 12.1 and no binary fraction near it; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    if isinstance(value, str) and (_JSON_NUMBER.fullmatch(value) or value in {"NaN", "Infinity", "-Infinity"}):
        return Decimal(value)
    return None


def from_decimal(value: Decimal) -> int | str:
    """A decimal as JSON has it: the table above."""
    if not value.is_finite():
        return "NaN" if value.is_nan() else from_float(math.copysign(math.inf, value))  # type: ignore[return-value]  # an infinity is text
    written = format(value, "f")
    return int(written) if "." not in written and len(written) < _MOST_DIGITS else written


def from_float(value: float) -> float | str:
    """A float as JSON has it: the table above."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def from_bytes(value: bytes) -> str:
    """Bytes as base64 text."""
    return base64.b64encode(value).decode()


def to_bytes(value: Any) -> bytes | None:
    """Bytes as they are, or base64 text decoded; else None."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def from_json(text: str | bytes) -> Any:
    """JSON text as a database gave it, integers exact. Raises MisfitError for what is none, or nests too deep."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    try:
        return json.loads(text, parse_float=lambda digits: from_float(float(digits)))
    except (ValueError, RecursionError):
        raise MisfitError(
            "the database holds JSON that cannot be read here: too deep, or an integer of too many digits"
        ) from None


def size_of(value: Any) -> int:
    """Roughly how many bytes a JSON value holds in memory."""
    if isinstance(value, str | bytes):
        return len(value) + 50
    if isinstance(value, dict):
        return sum(len(key) + 50 + size_of(item) for key, item in value.items())
    if isinstance(value, list):
        return 50 + sum(map(size_of, value))
    return 30
