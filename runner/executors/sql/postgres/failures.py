"""
asyncpg's errors as Runner's, built from attributes alone.

A library's message is never passed on: PostgreSQL's own texts hold values (`Key (email)=(…) already exists`). What is
told is the condition's name and SQLSTATE, the names of column, constraint and table, and the word of the statement's
own text that the server points at. The session calls it.
"""

import re
import ssl
from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg

from runner.errors import ActionError, Kind, PermanentError, TemporaryError

LOST: Final = (
    OSError,
    EOFError,
    ssl.SSLError,
    TimeoutError,
    asyncpg.InternalClientError,
)
"""What says that there is no connection (any more); the last is asyncpg's word for one that broke at an odd instant."""

_KINDS: Final[tuple[tuple[str, Kind], ...]] = (
    ("40", "conflict"), ("55P03", "conflict"), ("57014", "timeout"), ("08", "connection"), ("53", "connection"),
    ("57P", "connection"), ("28", "refused"), ("42501", "refused"), ("25006", "refused"), ("3D", "config"),
    ("22", "value"), ("23", "value"), ("54", "limit"),
)  # fmt: skip
_TEMPORARY: Final = frozenset({"conflict", "timeout", "connection"})
_WORD: Final = re.compile(r"\"[^\"]*\"|\$\d+|[\w.]+|\S")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_CURES: Final = {
    "42P18": "write the type behind the reference: $reference::text",
    "42725": "write the type behind the reference: $reference::integer",
    "25001": "set transaction: false",
    "42P08": "write the type behind the reference: $reference::text",
}


class Sent(NamedTuple):
    """A statement as the server got it, how its parameters were written, and those that it reads from text."""

    sql: str = ""
    sources: tuple[str, ...] = ()
    read_there: Sequence[str] = ()


def lost(name: str) -> TemporaryError:
    """The connection cannot be made, or is gone."""
    return TemporaryError(f"{name}: the connection was lost or could not be made", kind="connection")


def failure(error: asyncpg.PostgresError, name: str, label: str = "", sent: "Sent | None" = None) -> ActionError:
    """The server's refusal."""
    sent = sent or Sent()
    state = error.sqlstate or "XX000"
    kind: Kind = next((kind for prefix, kind in _KINDS if state.startswith(prefix)), "statement")
    facts = {"code": state}
    told = [f"{name}: {label}: " if label else f"{name}: ", _condition(error), f" ({state})"]
    told.append(_pointed_at(error, sent))
    for field in ("constraint", "column", "table"):
        found = getattr(error, f"{field}_name", None)
        if found:
            told.append(f", {field} {found}")
            facts[field] = found
    if kind == "value" and sent.read_there:
        told.append(f": the server was given {', '.join(sent.read_there)}")
    if state in _CURES:
        told.append(f": {_CURES[state]}")
    family = TemporaryError if kind in _TEMPORARY else PermanentError
    return family("".join(told), kind=kind, facts=facts)


def _condition(error: asyncpg.PostgresError) -> str:
    """`UniqueViolationError` → `unique violation`."""
    return _CAMEL.sub(" ", type(error).__name__.removesuffix("Error")).lower()


def _pointed_at(error: asyncpg.PostgresError, sent: Sent) -> str:
    sql, sources = sent.sql, sent.sources
    position = getattr(error, "position", None)
    if not position or not str(position).isdigit() or not sql:
        return ""
    at = int(position) - 1
    word = _WORD.match(sql, at)
    if word is None:
        return f" at line {sql.count(chr(10), 0, at) + 1}"
    text = word[0]
    if text.startswith("$") and text[1:].isdigit() and int(text[1:]) <= len(sources):
        text = sources[int(text[1:]) - 1]
    return f" at {text[:100]} in line {sql.count(chr(10), 0, at) + 1}"
