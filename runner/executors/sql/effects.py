"""
The table `runner_effects`, in which a database remembers what was carried out there exactly once.

    idempotency_key │ statements │ row_count │ value │ done_at
    HMAC of (run, generation, action, item) │ hash of their texts │ rows of all of them │ sealed JSON, up to 64 KB │ UTC

The row is inserted first and filled last, in the transaction of the statements. So whoever finds it committed knows
that they were carried out and what they gave; whoever inserts it knows that they were not. The hash is over the texts
as the workflow file has them, in their order, each reference by its name: values may differ from attempt to attempt.

Statements lie in `statements/DIALECT.sql`. `once` and `clean` call it; it opens and ends no transaction.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final, NamedTuple

import msgspec

from runner.errors import PermanentError, SecretError
from runner.executors.sql.connection_string import Dialect
from runner.executors.sql.driver import Answer, Bounds, Session
from runner.executors.sql.shape import Marks, Query, Written, fill, read
from runner.ports import Call

LABEL: Final = "runner_effects"
MOST_VALUE: Final = 65_536
"""Bytes of JSON that a row keeps."""

SLICE: Final = 1000
"""Rows that `delete_old` deletes at most, as the statements say."""

_ONE_ROW: Final = Bounds(max_rows=1, max_size=1_000_000)
_UNFINISHED: Final = (
    "runner_effects holds a row that was committed before its statements were done: an engine without transactions, or "
    "a procedure that commits. Whether they were done nobody knows; once it is known, delete the row or set its values"
)


class Mark(NamedTuple):
    """What an action's row is known by: its key, and the hash of its statements."""

    key: str
    statements: str

    @staticmethod
    def of(queries: Sequence[Query], call: Call) -> "Mark":
        """The mark of an attempt; the same for each attempt of its action or item."""
        texts = [
            "".join(piece if isinstance(piece, str) else piece.source for piece in query.shape.pieces)
            for query in queries
        ]
        return Mark(call.idempotency_key(), hashlib.sha256(msgspec.json.encode(texts)).hexdigest())


class Effects:
    """The table's statements in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect: Dialect = dialect
        text = files("runner.executors.sql").joinpath(f"statements/{dialect}.sql").read_text("utf-8")
        named = (piece.partition("\n") for piece in text.split("-- name: ")[1:])
        self._texts = {name.strip(): _without_comments(body) for name, _, body in named}

    @property
    def making(self) -> tuple[str, ...]:
        """The statements that make the table, each on one line."""
        made = [text for name, text in self._texts.items() if name.startswith("make")]
        return tuple(" ".join(text.split()) for text in made)

    async def make(self, session: Session) -> None:
        """Make the table unless it is there."""
        for text in self.making:
            await session.run(self._query(text), _ONE_ROW)

    async def claim(self, session: Session, mark: Mark) -> bool:
        """Insert the row; False where a committed one is there. Waits while another transaction holds the key."""
        answer = await self._run(session, "claim", key=mark.key, statements=mark.statements)
        return answer.row_count == 1

    async def record(self, session: Session, mark: Mark, answers: Sequence[Answer], call: Call) -> None:
        """Fill the row. Raises PermanentError where it is not there any more."""
        try:
            data = msgspec.json.encode(answers)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            message = f"exactly_once: what the statements gave cannot be kept as JSON: {type(error).__name__}"
            raise PermanentError(message, kind="value") from None
        sealed = call.seal(data) if len(data) <= MOST_VALUE else None
        rows = sum(answer.row_count for answer in answers)
        answer = await self._run(session, "record", key=mark.key, row_count=rows, value=sealed)
        if answer.row_count != 1:
            message = "exactly_once: its row in runner_effects is gone: a statement deleted it, or changed search_path"
            raise PermanentError(message, kind="statement")

    async def find(self, session: Session, mark: Mark, call: Call) -> list[Answer] | None:
        """
        What an earlier execution gave, None where no row is there.

        Raises PermanentError where its statements were others, or where what they gave was not kept.
        """
        answer = await self._run(session, "find", key=mark.key)
        if not answer.rows:
            return None
        row = answer.rows[0]
        if row["statements"] != mark.statements:
            message = f"exactly_once: other statements were carried out under this action's key at {row['done_at']}"
            raise PermanentError(message, kind="statement")
        if row["row_count"] is None:
            raise PermanentError(f"exactly_once: {_UNFINISHED}", kind="statement", effect="unknown")
        return _opened(row, call)

    async def delete_old(self, session: Session, days: int) -> int:
        """Delete up to `SLICE` rows that are older: how many there were."""
        return (await self._run(session, "delete_old", days=days)).row_count

    async def _run(self, session: Session, name: str, **values: Any) -> Answer:
        return await session.run(self._query(self._texts[name], values), _ONE_ROW)

    def _query(self, text: str, values: Mapping[str, Any] | None = None) -> Query:
        shape = read(Written(text, ()), self._dialect, Marks.of(values), exactly_once=False, label=LABEL)
        return fill(shape, [text], values, LABEL)


def _opened(row: Mapping[str, Any], call: Call) -> list[Answer]:
    done = f"exactly_once: it was carried out at {row['done_at']}"
    if row["value"] is None:
        message = (
            f"{done} ({row['row_count']} rows), but what it gave was over {MOST_VALUE} bytes and was not kept: "
            "read it by an action of its own"
        )
        raise PermanentError(message, kind="limit", effect="done", facts={"row_count": row["row_count"]})
    try:
        return msgspec.json.decode(call.unseal(base64.b64decode(row["value"])), type=list[Answer])
    except (SecretError, msgspec.DecodeError):
        message = f"{done}, but what it gave cannot be opened: the key that sealed it is gone, or the row was changed"
        raise PermanentError(message, kind="secret", effect="done") from None


def _without_comments(body: str) -> str:
    return "\n".join(line for line in body.splitlines() if not line.startswith("--")).strip()
