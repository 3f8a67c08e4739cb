"""
JSON values into what PostgreSQL's types hold, exactly or not at all.

| column | takes |
|---|---|
| boolean | true, false; the texts `true` and `false` |
| smallint, integer, bigint | an integer; a number without fraction; text in JSON's spelling of one |
| numeric | a number by its JSON spelling (12.1 is 12.1), text in that spelling, `NaN`, `Infinity` |
| real, double precision | a number, text in JSON's spelling; an integer that the type would round is refused |
| text, varchar, char, enums | text; a number or true, false in JSON's spelling |
| bytea | bytes, base64 text |
| date, time, timestamp, timestamptz | ISO 8601 text; finer than a microsecond is refused; without offset it is UTC |
| uuid | text |
| json, jsonb | anything; text becomes a JSON string |
| arrays | a list of what the elements take, nested lists of one length |
| intervals, ranges, inet, money, … | text (a number by its JSON spelling) that the server reads |

null is NULL everywhere. What does not fit is a MisfitError, whose text says both types and the cure. Pure functions;
the session calls `encode` for each value just before it is sent.
"""

import math
import struct
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from runner.executors.sql import iso, values
from runner.executors.sql.postgres.types import PgType, Role
from runner.executors.sql.values import MisfitError, kind_of

EPOCH_DAYS: Final = 10_957
"""Days from 1970-01-01 to PostgreSQL's own day zero, 2000-01-01."""

EPOCH: Final = EPOCH_DAYS * iso.DAY
FLOAT4_SIZE: Final = 4
"""Bytes of a real."""

INFINITE_DATE: Final = 2**31 - 1
INFINITE_MOMENT: Final = 2**63 - 1


def encode(value: Any, kind: PgType) -> Any:
    """The value as asyncpg's codecs take it. Raises MisfitError."""
    if value is None:
        return None
    if kind.element is not None:
        return _array(value, kind, kind.element)
    encoded = _ENCODERS[kind.role](value, kind)
    if encoded is None:
        raise MisfitError(_message(value, kind))
    return encoded


def _message(value: Any, kind: PgType) -> str:
    found = kind_of(value)
    if isinstance(value, list):
        found += ": write `= any($reference)` where one of it may match"
    if isinstance(value, dict):
        found += ": name a field of it, or use `| tojson`"
    return f"expected {_expected(kind)} for {kind.name}, found {found}"


def _expected(kind: PgType) -> str:
    if kind.role == "int":
        return f"an integer from {-(2 ** (8 * kind.size - 1))} to {2 ** (8 * kind.size - 1) - 1}"
    return _EXPECTED[kind.role]


def _bool(value: Any, _: PgType) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value)
    return value if isinstance(value, bool) else None


def _int(value: Any, kind: PgType) -> int | None:
    number = values.whole_number(value)
    limit = 2 ** (8 * kind.size - 1)
    return number if number is not None and -limit <= number < limit else None


def _float(value: Any, kind: PgType) -> float | None:
    number = values.exact_decimal(value)
    if number is None:
        return None
    try:
        found = float(number)
        stored = struct.unpack("f", struct.pack("f", found))[0] if kind.size == FLOAT4_SIZE else found
    except OverflowError:
        return None
    if not math.isfinite(found) and number.is_finite():
        return None
    if number.is_finite() and number == number.to_integral_value() and stored != number:
        return None
    return found


def _text(value: Any, _: PgType) -> str | None:
    if not isinstance(value, str | int | float):
        return None
    text = values.checked_text(values.spelled(value))
    if "\0" in text:
        raise MisfitError("expected text that PostgreSQL can hold, found text with a NUL character in it")
    return text


def _date(value: Any, _: PgType) -> int | None:
    if value in ("infinity", "-infinity"):
        return INFINITE_DATE if value == "infinity" else -INFINITE_DATE - 1
    days = iso.parse_date(value) if isinstance(value, str) else None
    return None if days is None else days - EPOCH_DAYS


def _time(value: Any, _: PgType) -> int | None:
    return iso.parse_time(value) if isinstance(value, str) else None


def _moment(value: Any, _: PgType) -> int | None:
    if value in ("infinity", "-infinity"):
        return INFINITE_MOMENT if value == "infinity" else -INFINITE_MOMENT - 1
    moment = iso.parse_moment(value) if isinstance(value, str) else None
    return None if moment is None else moment - EPOCH


def _uuid(value: Any, _: PgType) -> uuid.UUID | None:
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _json(value: Any, _: PgType) -> str:
    return values.to_json(value)


def _composite(value: Any, kind: PgType) -> None:
    raise MisfitError(
        f"{kind.name} is a row type: write row($a, $b)::{kind.name} with a reference a field, found {kind_of(value)}"
    )


def _array(value: Any, kind: PgType, element: PgType) -> list[Any]:
    if not isinstance(value, list):
        raise MisfitError(f"expected a list for {kind.name}, found {kind_of(value)}")
    if element.role == "json":
        return [encode(item, element) for item in value]
    _check_lengths(value, kind)
    return [_array(item, kind, element) if isinstance(item, list) else encode(item, element) for item in value]


def _check_lengths(value: list[Any], kind: PgType) -> None:
    inner = {len(item) if isinstance(item, list) else None for item in value}
    if len(inner) > 1:
        raise MisfitError(f"expected lists of one length for {kind.name}, found a list that mixes them")


_ENCODERS: Final[Mapping[Role, Callable[[Any, PgType], Any]]] = {
    "bool": _bool,
    "int": _int,
    "float": _float,
    "numeric": lambda value, _: values.exact_decimal(value),
    "text": _text,
    "bytea": lambda value, _: values.to_bytes(value),
    "date": _date,
    "time": _time,
    "timestamp": _moment,
    "timestamptz": _moment,
    "uuid": _uuid,
    "json": _json,
    "other": _text,
    "composite": _composite,
}
_EXPECTED: Final[Mapping[Role, str]] = {
    "bool": "true or false",
    "float": "a number that it holds exactly",
    "numeric": "a number, or a number as text",
    "text": "text",
    "bytea": "bytes or base64 text",
    "date": "a date as 2024-05-01",
    "time": "a time as 12:30:00",
    "timestamp": "a time as 2024-05-01T12:30:00",
    "timestamptz": "a time as 2024-05-01T12:30:00Z",
    "uuid": "a UUID as text",
    "other": "text",
}
