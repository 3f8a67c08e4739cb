"""
One connection to an SQLite file, in a thread of its own.

    begin (immediate where something is written) ──► run: bind, step up to the bounds, read ──► commit | rollback

A cancel interrupts the statement inside SQLite. An authorizer lets no statement ATTACH a file, write one (`vacuum
into`) or move SQLite's temporary folder; extensions are off. Statements that write begin with the write lock, since a
transaction that has read cannot wait for it later; Runner's own sessions take turns for it, first come first served, as
SQLite's own waiting lets some starve.

`driver` makes sessions; the executor drives them through `runner.executors.sql.driver.Session`.
"""

import sqlite3
from typing import Any, Final

import aiosqlite
import anyio

from runner.errors import ActionError, PermanentError, TemporaryError
from runner.executors.sql.driver import Answer, Bounds
from runner.executors.sql.question_marks import with_question_marks
from runner.executors.sql.rows import Rows, check_columns
from runner.executors.sql.shape import Query
from runner.executors.sql.sqlite.failures import failure
from runner.executors.sql.sqlite.values import bind, read

CHUNK: Final = 256
MOST_VARIABLES: Final = 32_766
_FILES: Final = frozenset({"temp_store_directory", "data_store_directory"})


class SqliteSession:
    """`runner.executors.sql.driver.Session`."""

    def __init__(self, connection: aiosqlite.Connection, turn: anyio.Semaphore) -> None:
        self._connection = connection
        self._turn = turn
        self._has_turn = False
        self._open = True
        self.is_usable = True

    @property
    def in_transaction(self) -> bool:
        """As SQLite says."""
        return bool(self._connection.in_transaction)

    async def begin(self, isolation: str | None, *, reads: bool) -> None:  # noqa: ARG002  SQLite has one level, serializable
        """BEGIN; with the write lock unless it only reads."""
        if not reads:
            await self._take_turn()
        await self._command("begin" if reads else "begin immediate")

    async def run(self, query: Query, bounds: Bounds) -> Answer:
        """One statement."""
        sql, values = _render(query)
        where = f"SQLite: {query.label}"
        is_alone = not self._connection.in_transaction and not query.shape.reads
        if is_alone:
            await self._take_turn()
        try:
            cursor = await self._connection.execute(sql, values)
            try:
                columns = check_columns([str(column[0]) for column in cursor.description or ()], where)
                if columns:
                    rows = Rows(bounds, where)
                    while found := list(await cursor.fetchmany(CHUNK)):
                        rows.add([dict(zip(columns, map(read, row), strict=True)) for row in found])
                    return Answer(rows.found, len(rows.found))
                return Answer([], await self._changed(cursor, query))
            finally:
                await cursor.close()
        except sqlite3.Error as error:
            raise _failure(error, query) from None
        finally:
            if is_alone and not self._connection.in_transaction:
                self._end_turn()

    async def prepare(self, query: Query) -> None:
        """Compile one statement: EXPLAIN lists SQLite's own program of it and runs none of it."""
        sql, values = _render(query._replace(values=(None,) * len(query.values)))
        await self._command("begin")
        try:
            cursor = await self._connection.execute(f"explain {sql}", values)
            await cursor.close()
        except sqlite3.Error as error:
            raise _failure(error, query) from None
        finally:
            await self.rollback()

    async def commit(self) -> None:
        """COMMIT; where the disk refused in its middle, nobody knows."""
        try:
            await self._command("commit")
        except ActionError as error:
            if not str(error.facts.get("code", "")).startswith("SQLITE_IOERR"):
                raise
            message = "SQLite: the disk refused while COMMIT was under way: nobody knows whether it was done"
            raise TemporaryError(message, kind=error.kind, effect="unknown", facts=error.facts) from None
        self._end_turn()

    async def rollback(self) -> None:
        """Interrupt what still runs, then ROLLBACK."""
        await self._connection.interrupt()
        await self._command("select 1")
        if self._connection.in_transaction:
            await self._command("rollback")
        self._end_turn()

    async def reset(self) -> None:
        """Temporary tables and pragmas go with the connection, which costs little to open: only a clean one is kept."""
        try:
            rows = await self._connection.execute_fetchall("select 1 from temp.sqlite_schema limit 1")
        except sqlite3.Error as error:
            self.is_usable = False
            raise failure(error) from None
        if list(rows) or self._connection.in_transaction:
            self.is_usable = False

    def drop(self) -> None:
        """Interrupt and close in its own thread."""
        self.is_usable = False
        self._end_turn()
        if self._open:
            self._open = False
            self._connection.stop()

    async def close(self) -> None:
        """Close the file."""
        self.is_usable = False
        self._end_turn()
        if self._open:
            self._open = False
            await self._connection.close()

    async def _take_turn(self) -> None:
        await self._turn.acquire()
        self._has_turn = True

    def _end_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turn.release()

    async def _command(self, sql: str) -> None:
        try:
            await self._connection.execute(sql)
        except sqlite3.Error as error:
            raise failure(error) from None

    async def _changed(self, cursor: aiosqlite.Cursor, query: Query) -> int:
        """How many rows it changed; sqlite3 does not count for an INSERT that begins with WITH."""
        if cursor.rowcount >= 0 or query.shape.reads or query.shape.verb != "with":
            return max(cursor.rowcount, 0)
        rows = await self._connection.execute_fetchall("select changes()")
        return int(next(iter(rows))[0])


def guard(connection: sqlite3.Connection) -> None:
    """What no statement may do."""
    connection.set_authorizer(_authorize)
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, MOST_VARIABLES)


def _authorize(action: int, first: str | None, *_: str | None) -> int:
    """VACUUM attaches a nameless temporary database to itself; any other ATTACH names a file."""
    if action == sqlite3.SQLITE_ATTACH:
        return sqlite3.SQLITE_OK if first == "" else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _FILES:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _render(query: Query) -> tuple[str, list[Any]]:
    return with_question_marks(query, bind, name="SQLite", most=MOST_VARIABLES)


def _failure(error: sqlite3.Error, query: Query) -> ActionError:
    if isinstance(error, sqlite3.ProgrammingError) and "binding" in str(error):
        message = f"SQLite: {query.label}: it counts other parameters than are bound: is there a ? in it?"
        return PermanentError(message, kind="statement")
    return failure(error, query.label)
