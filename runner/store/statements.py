"""
Statements by name from the `.sql` files beside this module, and the only place where their text is put together.

    -- name: park            load("appends")["park"]         insert(connection, statement, rows)
    -- Places that wait.     ──────────────────────► text    {rows} becomes (?, ?), (?, ?) … and the values are bound
    insert into …

What varies in a text is the number of rows and which named conditions stand in a `where`; every value is bound.
"""

import json
import re
import sqlite3
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import chain
from typing import Any, Final

from runner.events import RunState
from runner.ports import RunFilter

MOST_VALUES: Final = 30_000
"""Values bound in one statement; SQLite's own bound is 32,766."""

STATES: Final[tuple[RunState, ...]] = ("queued", "running", "succeeded", "failed", "cancelled")

_SMALL: Final = {ord(letter): letter.lower() for letter in string.ascii_uppercase}
_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^--.*$\n?", re.MULTILINE)


def load(theme: str) -> Mapping[str, str]:
    """The statements of `sql/THEME.sql` by name, without their descriptions."""
    text = (files(__package__) / "sql" / f"{theme}.sql").read_text("utf-8")
    pieces = _NAME.split(text)[1:]
    return {name: _COMMENT.sub("", body).strip() for name, body in zip(pieces[::2], pieces[1::2], strict=True)}


def migrations() -> Sequence[str]:
    """The scripts that lead from an empty file to the current format, in order; the format is their number."""
    scripts = sorted((files(__package__) / "sql" / "migrations").iterdir(), key=lambda script: script.name)
    return [script.read_text("utf-8") for script in scripts if script.name.endswith(".sql")]


def split(script: str) -> Iterator[str]:
    """The single statements of a script."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def with_rows(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """
    Execute a statement with all of `rows` bound in the place of `{rows}`, at once up to MOST_VALUES.

    `executemany` would take and drop the GIL at every row, and so hold up the event loop (style, What was measured).
    """
    if not rows:
        return
    width = len(rows[0])
    most = MOST_VALUES // width
    one = "(" + ", ".join("?" * width) + ")"
    for start in range(0, len(rows), most):
        some = rows[start : start + most]
        text = statement.replace("{rows}", ", ".join([one] * len(some)))
        connection.execute(text, tuple(chain.from_iterable(some)))


def listed(values: Iterable[str]) -> str:
    """Texts as what `json_each(?)` reads: one bound value, however many they are."""
    return json.dumps(list(values))


def page(sql: Mapping[str, str], wanted: RunFilter) -> tuple[str, list[Any]]:
    """
    The statement for one page of runs and its values.

    Where workflow or state are asked for it is one page for each state, newest of all: so that each part is a walk
    along one index that stops at the limit, however many runs there are.
    """
    limit = max(0, wanted.limit)
    conditions, values = _conditions(sql, wanted)
    states = tuple(dict.fromkeys(wanted.states)) or (STATES if wanted.workflow is not None else ())
    if wanted.parent is not None or not states:
        return _page(sql, conditions), [*values, limit]
    part = sql["part"].replace("{page}", _page(sql, [*conditions, sql["of_state"]]))
    parts = " union all ".join([part] * len(states))
    bound = list(chain.from_iterable([*values, state, limit] for state in states))
    return sql["pages"].replace("{parts}", parts), [*bound, limit]


def _page(sql: Mapping[str, str], conditions: Sequence[str]) -> str:
    where = " and ".join(conditions) or sql["any"]
    return sql["page"].replace("{row}", sql["row"]).replace("{conditions}", where)


def _conditions(sql: Mapping[str, str], wanted: RunFilter) -> tuple[list[str], list[Any]]:
    asked: list[tuple[str, Any]] = [
        ("of_workflow", wanted.workflow),
        ("of_parent", wanted.parent),
        ("of_states", listed(wanted.states) if wanted.parent is not None and wanted.states else None),
        ("that_waits", wanted.waiting),
        ("older", wanted.before),
        ("not_before", wanted.since),
        ("of_trigger", wanted.trigger),
        ("of_label", wanted.label),
        ("with_text", lowered(wanted.text) if wanted.text is not None else None),
    ]
    given = [(name, value) for name, value in asked if value is not None]
    return [sql[name] for name, _ in given], [value for name, value in given for _ in range(sql[name].count("?"))]


def lowered(text: str) -> str:
    """With small letters for the capital ones of ASCII, as SQLite's `lower` has it."""
    return text.translate(_SMALL)
