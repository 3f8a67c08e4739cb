"""
Values into SQLite, which knows integers, reals, texts and blobs and reports no parameter types.

| value | bound as |
|---|---|
| null | NULL |
| true, false | 1, 0 |
| integer | INTEGER; beyond 64 bits it is refused |
| number | REAL |
| text, ISO times too | TEXT, unchanged: SQLite's own date functions read ISO 8601 |
| list, object | JSON text |
| bytes | BLOB |

Back come integer, number, text, base64 text of a blob, null. A column's declared type changes nothing of this: what
SQLite stores is what is read. The session calls it.
"""

import math
from typing import Any, Final

from runner.executors.sql.values import MisfitError, checked_text, from_bytes, from_float, to_json

_SMALLEST: Final = -(2**63)


def bind(value: Any) -> Any:
    """A JSON value as sqlite3 takes it. Raises MisfitError."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not _SMALLEST <= value < -_SMALLEST:
        raise MisfitError("expected an integer of at most 64 bits, found a larger one: bind it as text")
    if isinstance(value, float) and not math.isfinite(value):
        raise MisfitError("expected a finite number, found NaN or an infinity, which SQLite cannot hold")
    if isinstance(value, str):
        return checked_text(value)
    return to_json(value) if isinstance(value, list | dict) else value


def read(value: Any) -> Any:
    """What sqlite3 gave, as a JSON value."""
    if isinstance(value, bytes):
        return from_bytes(value)
    return from_float(value) if isinstance(value, float) else value
