"""
sqlite3's errors as Runner's, built from the result code and from names that match a pattern.

SQLite has no fields for the names in its messages, and a trigger's `raise` may put anything there; so a message is read
by patterns that let names through and nothing else. The session calls it.
"""

import re
import sqlite3
from typing import Final

from runner.errors import ActionError, Kind, PermanentError, TemporaryError

_KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(("BUSY", "LOCKED"), "conflict"),
    **dict.fromkeys(("AUTH", "PERM", "READONLY"), "refused"),
    **dict.fromkeys(("CANTOPEN", "NOTADB"), "config"),
    **dict.fromkeys(("CONSTRAINT", "MISMATCH"), "value"),
    **dict.fromkeys(("FULL", "IOERR"), "connection"),
    "INTERRUPT": "timeout",
    "TOOBIG": "limit",
}
_TEMPORARY: Final = frozenset({"conflict", "timeout", "connection"})
_NAME: Final = r"[\w$.]{1,128}"
_SAFE: Final = (
    re.compile(rf"(?:UNIQUE|NOT NULL|CHECK|PRIMARY KEY) constraint failed: {_NAME}(?:, {_NAME})*"),
    re.compile(r"FOREIGN KEY constraint failed"),
    re.compile(
        rf"cannot store (?:INTEGER|REAL|TEXT|BLOB) value in (?:INTEGER|INT|REAL|TEXT|BLOB|NUMERIC) column {_NAME}"
    ),
    re.compile(r"datatype mismatch|database is locked|database table is locked|attempt to write a readonly database"),
)
_SAFE_TO_PREPARE: Final = (
    re.compile(rf"no such (?:table|column|function|index|view|trigger|module|collation sequence|savepoint): {_NAME}"),
    re.compile(rf"(?:table|index|view|trigger|there is already a table named) {_NAME}(?: already exists)?"),
    re.compile(rf"table {_NAME} has (?:no column named {_NAME}|\d+ columns but \d+ values were supplied)"),
    re.compile(rf"near \"[^\"\s]{{1,40}}\": syntax error|ambiguous column name: {_NAME}|incomplete input"),
    re.compile(rf"(?:misuse of|wrong number of arguments to|unsafe use of)[ \w:]* ?{_NAME}(?:\(\))?"),
    re.compile(r"cannot (?:VACUUM|start a transaction|commit|rollback) [\w \-.]{1,60}"),
)


def failure(error: sqlite3.Error, label: str = "") -> ActionError:
    """The refusal, by SQLite's own name for it."""
    code = getattr(error, "sqlite_errorname", None) or ""
    primary = code.removeprefix("SQLITE_").partition("_")[0]
    kind: Kind = _KINDS.get(primary, "statement")
    where = f"SQLite: {label}: " if label else "SQLite: "
    text = where + _told(str(error), primary) + (f" ({code})" if code else "")
    family = TemporaryError if kind in _TEMPORARY else PermanentError
    return family(text, kind=kind, facts={"code": code} if code else {})


def _told(message: str, primary: str) -> str:
    patterns = _SAFE + _SAFE_TO_PREPARE if primary in {"ERROR", "CONSTRAINT"} else _SAFE
    if any(pattern.fullmatch(message) for pattern in patterns):
        return message
    words = {
        "CONSTRAINT": "a constraint or a trigger refused the values",
        "BUSY": "the database is locked by another connection",
        "AUTH": "not allowed here: attaching, writing other files, loading code",
        "INTERRUPT": "the statement was interrupted",
        "CANTOPEN": "the file cannot be opened",
        "NOTADB": "the file is not a database",
        "READONLY": "the database is read only",
        "FULL": "the disk is full",
    }
    return words.get(primary, "the statement was refused")
