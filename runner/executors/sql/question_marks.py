"""
A statement whose values stand as `?`, as SQLite and MySQL take it.

    Query ──with_question_marks()──► "… where id in (?, ?)", [1, 2]

The sessions of both call it; PostgreSQL numbers its parameters and has a way of its own. No value meets the text.
"""

from collections.abc import Callable
from typing import Any

from runner.errors import PermanentError
from runner.executors.sql.shape import Query
from runner.executors.sql.values import MisfitError
from runner.secret import reveal


def with_question_marks(
    query: Query, bind: Callable[[Any], Any], *, name: str, most: int, empty: str = ""
) -> tuple[str, list[Any]]:
    """
    The text, and the values as `bind` makes them; a list alone in `in ( … )` is spread, an empty one is `empty`.

    Raises PermanentError, which begins with the database's `name`, for a value that does not fit and for more than
    `most`.
    """
    parts: list[str] = []
    values: list[Any] = []
    given = iter(query.values)
    for piece in query.shape.pieces:
        if isinstance(piece, str):
            parts.append(piece)
            continue
        value = reveal(next(given))
        spread = value if piece.alone_in_list and isinstance(value, list) else [value]
        parts.append(", ".join("?" * len(spread)) or empty)
        try:
            values += map(bind, spread)
        except MisfitError as error:
            raise PermanentError(f"{name}: {query.label}: {piece.source}: {error}", kind="value") from None
    if len(values) > most:
        raise PermanentError(f"{name}: {query.label}: more than {most} values in one statement", kind="limit")
    return "".join(parts), values
