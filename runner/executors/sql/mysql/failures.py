"""
The connector's errors as Runner's, built from error number, SQLSTATE and names that match a pattern.

MySQL's texts hold values (`Duplicate entry '…' for key`), so none is passed on: what is told is the error's own name
and, read from fixed places of known texts, the name of a column, key or table. The session calls it.
"""

import re
from typing import Final

from mysql.connector import errorcode
from mysql.connector.errors import Error

from runner.errors import ActionError, Kind, PermanentError, TemporaryError

_LOST_BY_SERVER: Final = (1040, 1053, 1077, 1152, 1153, 1158, 1159, 1160, 1161, 1203, 1927, 3159, 4031)
_LOST_BY_CLIENT: Final = (2000, 2002, 2003, 2005, 2006, 2013, 2014, 2026, 2055)
LOST: Final = frozenset(_LOST_BY_SERVER + _LOST_BY_CLIENT)
"""Error numbers after which there is no connection."""

_KINDS: Final[dict[int, Kind]] = {
    **dict.fromkeys((1213, 1205, 1020, 3572), "conflict"),
    **dict.fromkeys((1317, 1969, 3024), "timeout"),
    **dict.fromkeys((1044, 1045, 1698, 1142, 1143, 1227, 1290, 1792), "refused"),
    1049: "config",
    1390: "limit",
}
SIGNALLED: Final = "45000"
"""A text that a trigger or procedure made, of anything."""

_VALUE_STATES: Final = ("22", "23")
_VALUE_NUMBERS: Final = frozenset({1048, 1062, 1264, 1265, 1292, 1366, 1364, 1406, 1411, 1451, 1452, 3819, 4025})
_TEMPORARY: Final = frozenset({"conflict", "timeout", "connection"})
_NAME: Final = r"[\w$.`-]{1,196}"
NAMES: Final = {
    number: name.removeprefix("ER_").replace("_", " ").lower()
    for name, number in vars(errorcode).items()
    if isinstance(number, int) and name.startswith("ER_")
}
"""Error numbers to names: `ER_DUP_ENTRY` → `dup entry`."""

_NAMES: Final = (
    (re.compile(rf"for column [`']({_NAME})[`'] at row \d+\Z"), "column"),
    (re.compile(rf"\A(?:Column|Field) '({_NAME})' (?:cannot be null|doesn't have a default value)"), "column"),
    (re.compile(rf"for key '({_NAME})'\Z"), "constraint"),
    (re.compile(rf"\AUnknown column '({_NAME})' in "), "column"),
    (re.compile(rf"\ATable '({_NAME})' doesn't exist\Z"), "table"),
    (re.compile(rf"\ACONSTRAINT `({_NAME})` failed"), "constraint"),
)


def lost() -> TemporaryError:
    """The connection cannot be made, or is gone."""
    return TemporaryError("MySQL: the connection was lost or could not be made", kind="connection")


def failure(error: Error, label: str = "") -> ActionError:
    """The server's refusal, or the loss of the connection."""
    number, state = error.errno or 0, error.sqlstate or ""
    where = f"MySQL: {label}: " if label else "MySQL: "
    if number in LOST or number < 0:
        return lost()
    kind: Kind = _KINDS.get(number, "statement")
    if kind == "statement" and (number in _VALUE_NUMBERS or state.startswith(_VALUE_STATES)):
        kind = "value"
    facts: dict[str, object] = {"code": number}
    told = f"{where}{NAMES.get(number, 'the statement was refused')} ({number}{f', {state}' if state else ''})"
    for pattern, what in _NAMES if state != SIGNALLED else ():
        found = pattern.search(error.msg or "")
        if found:
            name = found[1].rpartition("`.`")[2].strip("`")
            facts[what] = name
            told += f", {what} {name}"
            break
    family = TemporaryError if kind in _TEMPORARY else PermanentError
    return family(told, kind=kind, facts=facts)
