"""
One connection to PostgreSQL.

    begin ──► run: ladder.prepare → encode → bind, execute up to the bounds → decode ──► commit | rollback ──► reset

An anyio cancel reaches asyncpg in the middle of a statement; asyncpg then sends the server a cancel request, and
`rollback` waits for the statement's end before it says ROLLBACK, so that the session is clean or dropped. Behind a
pooler that gives each transaction another server (`?pooler=transaction`, or SQLSTATE 26000 seen) no statement has a
name and nothing is reset.

`driver` makes sessions; the executor drives them through `runner.executors.sql.driver.Session`.
"""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from runner.errors import ActionError, PermanentError, TemporaryError
from runner.executors.sql.driver import Answer, Bounds, StaleStatementError
from runner.executors.sql.postgres.connection import RunnerConnection
from runner.executors.sql.postgres.decode import to_json
from runner.executors.sql.postgres.encode import encode
from runner.executors.sql.postgres.failures import LOST, Sent, failure, lost
from runner.executors.sql.postgres.ladder import Ladder, Prepared
from runner.executors.sql.postgres.render import Rendered
from runner.executors.sql.rows import Rows, check_columns
from runner.executors.sql.shape import Query
from runner.executors.sql.values import MisfitError
from runner.secret import reveal

CHUNK: Final = 256
"""Rows fetched at a time, so that a size is noticed before everything is in memory."""

STATEMENTS_KEPT: Final = 100
STALE: Final = frozenset({"42883", "42804", "0A000"})
UNNAMED: Final = frozenset({"26000", "42P05"})
NAME: Final = "PostgreSQL"


class Shared:
    """
    What the sessions of one connection string share.

    `is_pooled` says that a pooler gives each transaction another server, so that statements must have no names.
    `generation` grows when what was kept about statements no longer holds; a session behind it drops its own.
    """

    def __init__(self, ladder: Ladder, *, is_pooled: bool) -> None:
        self.ladder = ladder
        self.is_pooled = is_pooled
        self.generation = 0

    def forget(self) -> None:
        """Types or tables changed."""
        self.ladder.forget()
        self.generation += 1


class PostgresSession:
    """`runner.executors.sql.driver.Session`."""

    def __init__(self, connection: RunnerConnection, shared: Shared, *, is_pooled: bool) -> None:
        self._connection = connection
        self._shared = shared
        self._is_pooled = is_pooled
        self._statements: dict[str, PreparedStatement[Any]] = {}
        self._generation = shared.generation
        self._is_lost = False
        self._uses_kept = False
        self._rendered = Rendered("", ())

    @property
    def is_usable(self) -> bool:
        """Whether it may serve another attempt; one with named statements may not once a pooler was seen."""
        is_behind = self._shared.is_pooled and not self._is_pooled
        return not self._is_lost and not is_behind and not self._connection.is_closed()

    @is_usable.setter
    def is_usable(self, value: bool) -> None:
        self._is_lost = self._is_lost or not value

    @property
    def in_transaction(self) -> bool:
        """As PostgreSQL said with its last answer."""
        return self._connection.is_in_transaction()

    async def begin(self, isolation: str | None, *, reads: bool) -> None:  # noqa: ARG002  PostgreSQL decides by itself what a transaction reads
        """BEGIN, with the isolation level that was asked for."""
        await self._command(f"begin isolation level {isolation}" if isolation else "begin")

    async def run(self, query: Query, bounds: Bounds) -> Answer:
        """One statement."""
        values = [reveal(value) for value in query.values]
        await self._catch_up()
        self._uses_kept = self._shared.ladder.knows(query, values)
        prepared: Prepared | None = None
        try:
            prepared = await self._shared.ladder.prepare(self._connection, query, values, self._prepare)
            names = [attribute.name for attribute in prepared.statement.get_attributes()]
            columns = check_columns(names, f"{NAME}: {query.label}")
            prepared, bound = await self._bind(prepared, query, values)
            return await self._fetch(prepared, bound, columns, Rows(bounds, f"{NAME}: {query.label}"), bounds.max_rows)
        except asyncpg.PostgresError as error:
            raise self._failure(error, query, prepared) from None
        except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            if self._connection.is_closed():
                raise self._lost() from None
            reason = f"asyncpg cannot carry this out ({type(error).__name__}): write columns as text, column::text"
            message = f"{NAME}: {query.label}: {reason}"
            raise PermanentError(message, kind="statement") from None
        except LOST:
            raise self._lost() from None

    async def prepare(self, query: Query) -> None:
        """Parse and describe one statement."""
        await self._command("begin read only")
        try:
            await self._shared.ladder.prepare(self._connection, query, [None] * len(query.values), self._prepare)
        except asyncpg.PostgresError as error:
            raise self._failure(error, query, None) from None
        except LOST:
            raise self._lost() from None
        finally:
            await self.rollback()

    async def commit(self) -> None:
        """COMMIT; a lost answer leaves its effect unknown."""
        try:
            tag = await self._connection.execute("commit")
        except asyncpg.PostgresError as error:
            found = failure(error, NAME, "COMMIT")
            if found.kind == "connection":
                self._is_lost = True
                found.effect = "unknown"
            raise found from None
        except LOST:
            self._is_lost = True
            message = f"{NAME}: the connection was lost while COMMIT was under way: nobody knows whether it was done"
            raise TemporaryError(message, kind="connection", effect="unknown") from None
        if tag != "COMMIT":
            raise PermanentError(f"{NAME}: the transaction had failed and was rolled back", kind="statement")

    async def rollback(self) -> None:
        """Wait for the end of what was cancelled, then ROLLBACK."""
        if self.is_usable:
            await self._command("rollback")

    async def reset(self) -> None:
        """Forget settings, locks, temporary tables."""
        if not self._is_pooled:
            await self._command(self._connection.get_reset_query())

    def drop(self) -> None:
        """Close the socket."""
        self._is_lost = True
        if not self._connection.is_closed():
            self._connection.terminate()

    async def close(self) -> None:
        """Say goodbye."""
        self._is_lost = True
        try:
            await self._connection.close()
        except (asyncpg.PostgresError, *LOST):
            self.drop()

    async def _command(self, sql: str) -> None:
        try:
            await self._connection.execute(sql)
        except asyncpg.PostgresError as error:
            self._is_lost = True
            raise failure(error, NAME) from None
        except LOST:
            raise self._lost() from None

    async def _prepare(self, rendered: Rendered) -> "PreparedStatement[Any]":
        self._rendered, sql = rendered, rendered.sql
        if self._is_pooled:
            return await self._connection.prepare(sql, name="")
        if sql not in self._statements:
            statement = await self._connection.prepare(sql)
            if len(self._statements) >= STATEMENTS_KEPT:
                del self._statements[next(iter(self._statements))]
            self._statements[sql] = statement
        else:
            self._uses_kept = True
        return self._statements[sql]

    async def _catch_up(self) -> None:
        """Drop what was kept, if another session found that it no longer holds."""
        if self._generation != self._shared.generation:
            self._generation = self._shared.generation
            self._statements.clear()
            await self._connection.reload_schema_state()

    async def _bind(self, prepared: Prepared, query: Query, values: Sequence[Any]) -> tuple[Prepared, list[Any]]:
        """The values as asyncpg takes them; a misfit of types that were kept is looked at with new ones first."""
        try:
            return prepared, _encoded(prepared, query, values)
        except PermanentError:
            if not self._uses_kept:
                raise
        self._shared.forget()
        await self._catch_up()
        prepared = await self._shared.ladder.prepare(self._connection, query, values, self._prepare)
        return prepared, _encoded(prepared, query, values)

    async def _fetch(
        self, prepared: Prepared, bound: list[Any], columns: list[str], rows: Rows, max_rows: int
    ) -> Answer:
        goes_on = self._connection.is_in_transaction()
        limit = min(CHUNK, max_rows + 1) if goes_on else max_rows + 1
        found, tag, is_all = await self._connection.first_rows(prepared.statement, bound, limit)
        while True:
            rows.add([dict(zip(columns, map(to_json, row.values()), strict=True)) for row in found])
            if is_all:
                return Answer(rows.found, len(rows.found) if columns else _count(tag))
            if not goes_on:
                rows.refuse()
            limit = min(CHUNK, max_rows + 1 - len(rows.found))
            found, tag, is_all = await self._connection.next_rows(prepared.statement, limit)

    def _failure(self, error: asyncpg.PostgresError, query: Query, prepared: Prepared | None) -> Exception:
        slots, rendered = query.shape.slots, self._rendered
        sources = tuple(slots[slot].source for slot in rendered.order)
        read_there = [
            f"{source} as {kind.name}"
            for source, kind in zip(sources, prepared.kinds if prepared else (), strict=False)
            if kind.cast
        ]
        found = failure(error, NAME, query.label, Sent(rendered.sql, sources, read_there))
        is_unnamed = error.sqlstate in UNNAMED and not self._is_pooled
        is_stale = error.sqlstate in STALE and self._uses_kept
        if is_unnamed:
            self._shared.is_pooled = True
        if is_stale:
            self._shared.forget()
        self._is_lost = self._is_lost or found.kind == "connection"
        return StaleStatementError(found) if is_unnamed or is_stale else found

    def _lost(self) -> ActionError:
        self._is_lost = True
        return lost(NAME)


def _encoded(prepared: Prepared, query: Query, values: Sequence[Any]) -> list[Any]:
    """The values as asyncpg takes them. Raises PermanentError (`value`), naming the reference and both types."""
    bound = []
    for slot, kind in zip(prepared.order, prepared.kinds, strict=True):
        try:
            bound.append(encode(values[slot], kind))
        except MisfitError as error:
            source = query.shape.slots[slot].source
            raise PermanentError(f"{NAME}: {query.label}: {source}: {error}", kind="value") from None
    return bound


def _count(tag: bytes | None) -> int:
    """`INSERT 0 5` → 5, `CREATE TABLE` → 0."""
    last = (tag or b"").split(b" ")[-1]
    return int(last) if last.isdigit() else 0
