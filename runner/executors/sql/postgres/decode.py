"""
What PostgreSQL sends, as JSON values.

| column | JSON value |
|---|---|
| smallint, integer, bigint | integer |
| numeric | integer, or text where it has fraction digits: `"12.50"` |
| real, double precision | number, `"NaN"`, `"Infinity"` |
| date, time, timestamp | `2024-05-01`, `12:30:00`, `2024-05-01T12:30:00.5`; `infinity` |
| timestamptz | `2024-05-01T12:30:00Z`, always UTC |
| interval | ISO 8601, `P1Y2M3DT4H` |
| uuid, inet, money, ranges, geometry, enums, … | text as PostgreSQL writes it |
| bytea | base64 text |
| json, jsonb | the value |
| arrays, row types | list, object |

`teach` registers the codecs of the types for which asyncpg's own would lose something (years beyond 9999, infinity,
order of json); `to_json` does the rest with what asyncpg made. The session calls both.
"""

import ipaddress
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import asyncpg
from asyncpg import types as pg

from runner.executors.sql import iso, values
from runner.executors.sql.postgres.encode import EPOCH, EPOCH_DAYS, INFINITE_DATE, INFINITE_MOMENT


async def teach(connection: asyncpg.Connection) -> None:
    """Codecs of our own, for the life of the connection."""
    for name, (decode, encode, form) in _CODECS.items():
        await connection.set_type_codec(name, schema="pg_catalog", decoder=decode, encoder=encode, format=form)


def to_json(value: Any) -> Any:
    """A value that asyncpg or a codec of ours made, as a JSON value."""
    if value is None or isinstance(value, bool | int | str):
        return value
    converter = _CONVERTERS.get(type(value))
    return converter(value) if converter else str(value)


def decode_json(data: bytes) -> Any:
    """`json` in PostgreSQL's binary format."""
    return Json(values.from_json(data))


class Json:
    """A value out of a json column: it is JSON already, and its inner values must not be looked at again."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _date(data: tuple[int]) -> str:
    if abs(data[0]) >= INFINITE_DATE:
        return "infinity" if data[0] > 0 else "-infinity"
    return iso.format_date(data[0] + EPOCH_DAYS)


def _timestamp(data: tuple[int]) -> str:
    if abs(data[0]) >= INFINITE_MOMENT:
        return "infinity" if data[0] > 0 else "-infinity"
    return iso.format_moment(data[0] + EPOCH)


def _timestamptz(data: tuple[int]) -> str:
    text = _timestamp(data)
    return text if text.endswith("infinity") else f"{text}Z"


def _time(data: tuple[int]) -> str:
    return iso.format_time(data[0])


def _timetz(data: tuple[int, int]) -> str:
    return iso.format_time(data[0]) + iso.format_offset(-data[1])


def _interval(data: tuple[int, int, int]) -> str:
    return iso.format_interval(*data)


def _one(value: int) -> tuple[int]:
    return (value,)


def _refuse(value: Any) -> Any:
    raise AssertionError(f"bound as text, never as {type(value).__name__}")


_CODECS: Final[Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any], str]]] = {
    "date": (_date, _one, "tuple"),
    "time": (_time, _one, "tuple"),
    "timetz": (_timetz, _refuse, "tuple"),
    "timestamp": (_timestamp, _one, "tuple"),
    "timestamptz": (_timestamptz, _one, "tuple"),
    "interval": (_interval, _refuse, "tuple"),
    "json": (decode_json, str.encode, "binary"),
    "jsonb": (lambda data: decode_json(data[1:]), lambda text: b"\x01" + text.encode(), "binary"),
}


def _range(value: "asyncpg.Range[Any]") -> str:
    if value.isempty:
        return "empty"
    lower, upper = (_bound(bound) for bound in (value.lower, value.upper))
    return f"{'[' if value.lower_inc else '('}{lower},{upper}{']' if value.upper_inc else ')'}"


def _bound(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    return f'"{text}"' if any(character in text for character in ' ,[]()"\\') or not text else text


def _pair(value: Any) -> str:
    return f"({values.spelled(float(value[0]))},{values.spelled(float(value[1]))})"


def _points(opening: str, closing: str) -> Callable[[Any], str]:
    return lambda value: opening + ",".join(_pair(point) for point in value) + closing


_CONVERTERS: Final[Mapping[type, Callable[[Any], Any]]] = {
    Json: lambda value: value.value,
    float: values.from_float,
    Decimal: values.from_decimal,
    bytes: values.from_bytes,
    list: lambda value: [to_json(item) for item in value],
    asyncpg.Record: lambda value: {name: to_json(item) for name, item in value.items()},
    tuple: lambda value: [to_json(item) for item in value],
    uuid.UUID: str,
    ipaddress.IPv4Interface: str,
    pg.BitString: lambda value: value.as_string().replace(" ", ""),
    pg.Range: _range,
    pg.Point: _pair,
    pg.Box: lambda value: ",".join(_pair(point) for point in value),
    pg.LineSegment: _points("[", "]"),
    pg.Polygon: _points("(", ")"),
    pg.Path: lambda value: _points("(" if value.is_closed else "[", ")" if value.is_closed else "]")(value.points),
    pg.Line: lambda value: "{" + ",".join(values.spelled(float(part)) for part in value) + "}",
    pg.Circle: lambda value: f"<{_pair(value[0])},{values.spelled(float(value[1]))}>",
}
