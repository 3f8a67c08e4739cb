"""
One connection to MySQL or MariaDB.

    begin ──► run: prepare → bind → execute → rows up to the bounds → close ──► commit | rollback ──► reset

Every statement with or without values goes through the server's prepared statements: values never meet the text. A
cancelled statement is killed by a second connection, and the first one is dropped, since its stream stands in the
middle of an answer.

`driver` makes sessions; the executor drives them through `runner.executors.sql.driver.Session`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from mysql.connector.errors import Error

from runner.errors import ActionError, PermanentError, TemporaryError
from runner.executors.sql.driver import Answer, Bounds
from runner.executors.sql.mysql.connection import RunnerConnection
from runner.executors.sql.mysql.failures import failure, lost
from runner.executors.sql.mysql.values import bind, has_fraction, is_integer_column, read
from runner.executors.sql.question_marks import with_question_marks
from runner.executors.sql.rows import Rows, check_columns
from runner.executors.sql.shape import Query
from runner.executors.sql.values import MisfitError
from runner.secret import reveal

CHUNK: Final = 256
MOST_PARAMETERS: Final = 65_535
NAME: Final = "MySQL"
EMPTY_LIST: Final = "select null from dual where false"
"""What stands in `in ( … )` for an empty list: matches nothing, and its negation everything."""

SETTINGS: Final = "set time_zone = '+00:00', sql_mode = concat(@@sql_mode, ',STRICT_ALL_TABLES')"
"""Times are UTC, and no value is cut in silence."""

BROKEN: Final = (OSError, EOFError, AttributeError, IndexError, ValueError, RuntimeError)
"""What the connector raises besides its own errors when the stream breaks off (RuntimeError: uvloop)."""

Kill = Callable[[int], Awaitable[None]]


class MysqlSession:
    """`runner.executors.sql.driver.Session`. `kill` ends another connection's work, by that connection's number."""

    def __init__(self, connection: RunnerConnection, kill: Kill) -> None:
        self._connection = connection
        self._kill = kill
        self._is_busy = False
        self.is_usable = True

    @property
    def in_transaction(self) -> bool:
        """As the server's last status says; a procedure may have ended it."""
        return bool(self._connection.in_transaction)

    async def begin(self, isolation: str | None, *, reads: bool) -> None:  # noqa: ARG002  decided by the server as it reads and writes
        """START TRANSACTION, at the level that was asked for."""
        if isolation:
            await self._command(f"set transaction isolation level {isolation}")
        await self._command("start transaction")

    async def run(self, query: Query, bounds: Bounds) -> Answer:
        """One statement."""
        sql, values = _render(query)
        self._is_busy = True
        try:
            await self._refuse_rounding(query)
            statement = await self._connection.cmd_stmt_prepare(sql)
            where = f"{NAME}: {query.label}"
            check_columns([str(column[0]) for column in statement["columns"]], where)
            _check_count(len(statement["parameters"]), len(values), query)
            found = await self._connection.cmd_stmt_execute(
                statement["statement_id"], data=values, parameters=statement["parameters"]
            )
            answer = await self._answer(found, Rows(bounds, where))
            await self._connection.cmd_stmt_close(statement["statement_id"])
        except Error as error:
            self._is_busy = False
            raise self._failure(error, query.label) from None
        except BROKEN:
            raise self._lost() from None
        except ActionError:
            self._is_busy = self._connection.unread_result
            raise
        self._is_busy = False
        return answer

    async def prepare(self, query: Query) -> None:
        """Prepare one statement and close it. MariaDB refuses to prepare what writes where a transaction only reads."""
        sql, values = _render(query._replace(values=(None,) * len(query.values)))
        await self._command("start transaction")
        try:
            statement = await self._connection.cmd_stmt_prepare(sql)
            await self._connection.cmd_stmt_close(statement["statement_id"])
            _check_count(len(statement["parameters"]), len(values), query)
        except Error as error:
            raise self._failure(error, query.label) from None
        except BROKEN:
            raise self._lost() from None
        finally:
            await self.rollback()

    async def commit(self) -> None:
        """COMMIT; a lost answer leaves its effect unknown."""
        try:
            await self._command("commit")
        except ActionError as error:
            if error.kind != "connection":
                raise
            message = f"{NAME}: the connection was lost while COMMIT was under way: nobody knows whether it was done"
            raise TemporaryError(message, kind="connection", effect="unknown") from None

    async def rollback(self) -> None:
        """Kill what still runs, or ROLLBACK."""
        if self._is_busy:
            self.is_usable = False
            number = self._connection.connection_id
            self.drop()
            if number is not None:
                await self._kill(number)
        elif self.is_usable:
            await self._command("rollback")

    async def reset(self) -> None:
        """COM_RESET_CONNECTION: variables, locks, temporary tables, prepared statements."""
        try:
            is_reset = await self._connection.cmd_reset_connection()
        except (Error, *BROKEN):
            raise self._lost() from None
        if is_reset:
            await self._command(SETTINGS)
        else:
            self.is_usable = False

    async def settle(self) -> None:
        """What a new connection is told first."""
        await self._command(SETTINGS)

    async def kill(self, number: int) -> None:
        """End another connection of the same user, and what it runs."""
        await self._command(f"kill {number:d}")

    def drop(self) -> None:
        """Close the socket."""
        self.is_usable = False
        self._connection.abort()

    async def close(self) -> None:
        """Say goodbye."""
        self.is_usable = False
        try:
            await self._connection.close()
        except (Error, *BROKEN):
            self.drop()

    async def _command(self, sql: str) -> None:
        self._is_busy = True
        try:
            await self._connection.cmd_query(sql)
        except Error as error:
            raise self._failure(error, "") from None
        except BROKEN:
            raise self._lost() from None
        self._is_busy = False

    async def _refuse_rounding(self, query: Query) -> None:
        """1.5 would become 2 in an integer column; the database says the column's type, though not the parameter's."""
        for slot, value in zip(query.shape.slots, query.values, strict=True):
            if slot.column is None or not has_fraction(reveal(value)):
                continue
            look = f"select * from {slot.column.table} limit 0"  # noqa: S608  the table as the statement itself names it
            looked = await self._connection.cmd_stmt_prepare(look.encode())
            await self._connection.cmd_stmt_close(looked["statement_id"])
            if is_integer_column(looked["columns"], slot.column):
                where = f"{NAME}: {query.label}: {slot.source}"
                found = "expected an integer for its column, found a number with a fraction"
                raise PermanentError(f"{where}: {found}", kind="value")

    async def _answer(self, found: Any, rows: Rows) -> Answer:
        if isinstance(found, Mapping):
            return Answer([], int(found.get("affected_rows", 0)))
        columns = found[1]
        names, end = [str(column[0]) for column in columns], None
        self._connection.unread_result = True
        while end is None:
            chunk, end = await self._connection.get_rows(count=CHUNK, binary=True, columns=columns)
            try:
                rows.add([dict(zip(names, map(read, row, columns), strict=True)) for row in chunk])
            except MisfitError as error:
                raise PermanentError(f"{NAME}: {error}", kind="value") from None
        return Answer(rows.found, len(rows.found))

    def _failure(self, error: Error, label: str) -> ActionError:
        found = failure(error, label)
        self.is_usable = self.is_usable and found.kind != "connection"
        self._is_busy = False
        return found

    def _lost(self) -> ActionError:
        self.is_usable = False
        self._is_busy = False
        return lost()


def _render(query: Query) -> tuple[bytes, list[Any]]:
    text, values = with_question_marks(query, bind, name=NAME, most=MOST_PARAMETERS, empty=EMPTY_LIST)
    return text.encode(), values


def _check_count(counted: int, bound: int, query: Query) -> None:
    if counted != bound:
        message = (
            f"{NAME}: {query.label}: the server counts {counted} parameters where {bound} are bound: "
            "is a reference inside text that the server reads as a literal or a comment?"
        )
        raise PermanentError(message, kind="statement")
