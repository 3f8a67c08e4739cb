"""
Values into MySQL and MariaDB, which report no parameter types, and back.

| value | bound as |
|---|---|
| null | NULL |
| true, false | 1, 0 |
| integer | BIGINT, signed or unsigned; beyond 64 bits DECIMAL |
| number with a fraction, written into an integer column as it is | refused: these databases would round it |
| number | DECIMAL by its JSON spelling (12.1 is 12.1); very large and very small ones DOUBLE |
| text | text, unchanged |
| ISO time with an offset or Z | `2024-05-01 10:30:00.5`, the same instant in UTC: these databases read no Z |
| list, object | JSON text |
| bytes | BLOB |

| column | JSON value |
|---|---|
| integers, BIT, YEAR | integer |
| DECIMAL | integer, or text where it has fraction digits: `"12.50"` |
| FLOAT, DOUBLE | number |
| DATE, DATETIME | `2024-05-01`, `2024-05-01T12:30:00.5` |
| TIMESTAMP | `2024-05-01T12:30:00Z` (sessions are in UTC) |
| TIME | `12:30:00`, `-838:59:59` |
| JSON | the value on MySQL; MariaDB calls it text, and text it is |
| BLOB, BINARY | base64 text |
| everything else | text |

The session calls both directions.
"""

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from runner.executors.sql import iso
from runner.executors.sql.targets import Column
from runner.executors.sql.values import (
    MisfitError,
    checked_text,
    exact_decimal,
    from_bytes,
    from_decimal,
    from_float,
    from_json,
    to_json,
)

INTEGERS: Final = frozenset({1, 2, 3, 8, 9, 13})
"""MySQL's numbers for TINYINT, SMALLINT, INT, BIGINT, MEDIUMINT and YEAR; `column[1]` of a description."""

FLOAT: Final = 4
DOUBLE: Final = 5
TIMESTAMP: Final = 7
DATETIME: Final = 12
BIT: Final = 16
JSON: Final = 245
BINARY_CHARSET: Final = 63
"""MySQL's number for bytes that are no text; `column[8]` of a description."""

_SIGNED: Final = -(2**63)
_UNSIGNED: Final = 2**64
_PLAIN: Final = (1e-15, 1e15)
"""Between these, the exact decimal of a number is short enough for DECIMAL."""

_WITH_OFFSET: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)", re.ASCII)


def bind(value: Any) -> Any:
    """A JSON value as the connector takes it. Raises MisfitError."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | dict):
        return to_json(value)
    if isinstance(value, bool) or value is None or isinstance(value, bytes):
        return int(value) if isinstance(value, bool) else value
    return _number(value)


def _number(value: float) -> Any:
    if isinstance(value, int):
        return value if _SIGNED <= value < _UNSIGNED else Decimal(value)
    if not math.isfinite(value):
        raise MisfitError("expected a finite number, found NaN or an infinity, which MySQL cannot hold")
    return Decimal(format(Decimal(repr(value)), "f")) if value == 0 or _PLAIN[0] <= abs(value) < _PLAIN[1] else value


def _text(value: str) -> str:
    moment = iso.parse_moment(value) if _WITH_OFFSET.fullmatch(value) else None
    return checked_text(value) if moment is None else iso.format_moment(moment).replace("T", " ")


def read(value: Any, column: Any) -> Any:
    """What the connector gave for a column (its description), as a JSON value."""
    if isinstance(value, bytes | bytearray):
        return _bytes(bytes(value), column)
    if isinstance(value, Decimal):
        return from_decimal(value)
    if isinstance(value, float):
        return from_float(float(f"{value:.7g}") if column[1] == FLOAT else value)
    if column[1] == JSON and isinstance(value, str):
        return from_json(value)
    return f"{value}Z" if column[1] == TIMESTAMP and isinstance(value, str) else value


def has_fraction(value: Any) -> bool:
    """Whether an integer column would have to round it: 1.5, or text in that spelling."""
    number = exact_decimal(value) if isinstance(value, float | str) else None
    return number is not None and number.is_finite() and number != number.to_integral_value()


def is_integer_column(columns: Sequence[Any], wanted: Column) -> bool:
    """Whether the column, among the descriptions of its table's columns, holds integers only."""
    if not wanted.name:
        return wanted.place < len(columns) and columns[wanted.place][1] in INTEGERS
    return any(str(column[0]).lower() == wanted.name and column[1] in INTEGERS for column in columns)


def _bytes(value: bytes, column: Any) -> Any:
    if column[1] == BIT:
        return int.from_bytes(value, "big")
    if column[1] == JSON:
        return from_json(value)
    return from_bytes(value) if column[8] == BINARY_CHARSET else value.decode("utf-8", "replace")
