"""
Carry out one attempt of a `type: sql` action: a transaction's worth of statements on a pooled session.

    config ──► target, queries ──► session ──► begin → run … → commit ──► {row, rows, row_count}
                                                    │ error, cancel: rollback under a shield with a deadline

Values are revealed when a driver encodes them, the connection string when it is parsed, and nowhere else. A commit that
was sent is awaited for `COMMIT_DEADLINE` whatever happens, since afterwards nobody could say what it did.
`exactly_once` will put its own row into the same transaction first: everything between `begin` and `commit` is in
`_transact`.

The engine calls it through `runner.ports.Executor`. It must not know which database it talks to.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio

from runner.errors import ActionError, Effect, PermanentError, TemporaryError
from runner.executors.sql import departure
from runner.executors.sql.config import SqlConfig
from runner.executors.sql.connection_string import Dialect, Target, parse
from runner.executors.sql.driver import Answer, Bounds, Driver, Session, StaleStatementError
from runner.executors.sql.mysql.driver import MysqlDriver
from runner.executors.sql.pools import Pool, Pools
from runner.executors.sql.postgres.driver import PostgresDriver
from runner.executors.sql.shape import Marks, Query, Shape, Written, fill, read, unused_params
from runner.executors.sql.sqlite.driver import SqliteDriver
from runner.expressions.template import Statement
from runner.ports import Call, ExecutorLimits, Result
from runner.secret import reveal

COMMIT_DEADLINE: Final = 10.0
"""Seconds that a commit's answer is waited for."""

ROLLBACK_DEADLINE: Final = 5.0
"""Seconds that a server gets to stop a statement and roll back; then the connection is dropped."""

STALE_TRIES: Final = 3
SHAPES_KEPT: Final = 1000


@asynccontextmanager
async def open_sql(limits: ExecutorLimits) -> AsyncIterator["SqlExecutor"]:
    """The executor, with its pools, for as long as the block lives."""
    async with anyio.create_task_group() as resetting:
        pools = Pools(resetting)
        resetting.start_soon(pools.keep_swept)
        try:
            yield SqlExecutor(limits, pools)
        finally:
            with anyio.move_on_after(ROLLBACK_DEADLINE, shield=True):
                await pools.close()
            resetting.cancel_scope.cancel()


class SqlExecutor:
    """`runner.ports.Executor` for `type: sql`."""

    def __init__(self, limits: ExecutorLimits, pools: Pools) -> None:
        self._limits = limits
        self._pools = pools
        self._drivers: Mapping[Dialect, Driver] = {
            "postgres": PostgresDriver(),
            "sqlite": SqliteDriver(),
            "mysql": MysqlDriver(),
        }
        self._shapes: dict[tuple[Any, ...], Shape] = {}

    async def execute(self, config: SqlConfig, call: Call) -> Result:
        """One attempt. Raises TemporaryError and PermanentError."""
        target, text = _target(config)
        queries = self._queries(config, target.dialect)
        await departure.check(target, config, queries, call)
        pool = self._pools.of(text, lambda: self._drivers[target.dialect].connector(target, self._limits))
        _check_transaction(config, queries, target, pool)
        bounds = Bounds(config.max_rows or self._limits.max_rows, self._limits.max_response_size)
        for left in reversed(range(STALE_TRIES)):
            try:
                answers = await self._attempt(pool, config, queries, bounds, call)
            except StaleStatementError as stale:
                if not left:
                    raise stale.error from None
            else:
                values = [_value(answer) for answer in answers]
                return Result(values[0] if config.query is not None else values)
        raise AssertionError("the last try returns or raises")

    def _queries(self, config: SqlConfig, dialect: Dialect) -> list[Query]:
        statements, labels = _statements(config)
        marks = Marks.of(config.params)
        shapes = [
            self._shape(statement, dialect, marks, exactly_once=config.exactly_once, label=label)
            for statement, label in zip(statements, labels, strict=True)
        ]
        unused = unused_params(shapes, config.params)
        if unused:
            raise PermanentError(f"{', '.join(unused)}: no statement has a placeholder for it", kind="value")
        return [
            fill(shape, statement.parts, config.params, label)
            for shape, statement, label in zip(shapes, statements, labels, strict=True)
        ]

    def _shape(self, statement: Statement, dialect: Dialect, marks: Marks, *, exactly_once: bool, label: str) -> Shape:
        """Read and checked once; kept by its text, which the workflow's author bounds and no value changes."""
        written = Written.of(statement.parts)
        key = (written, dialect, marks, exactly_once)
        if key not in self._shapes:
            shape = read(written, dialect, marks, exactly_once=exactly_once, label=label)
            if len(self._shapes) >= SHAPES_KEPT:
                del self._shapes[next(iter(self._shapes))]
            self._shapes[key] = shape
        return self._shapes[key]

    async def _attempt(
        self, pool: Pool, config: SqlConfig, queries: Sequence[Query], bounds: Bounds, call: Call
    ) -> Sequence[Answer]:
        async with pool.session() as session:
            try:
                if config.transaction:
                    return await _transact(session, config.isolation, queries, bounds, call)
                return await _run_alone(session, queries[0], bounds, call)
            except BaseException:
                await _abandon(session)
                raise


async def _transact(
    session: Session, isolation: str | None, queries: Sequence[Query], bounds: Bounds, call: Call
) -> Sequence[Answer]:
    """Open a transaction, run the statements, commit."""
    reads = all(query.shape.reads for query in queries)
    await session.begin(isolation, reads=reads)
    answers = [await session.run(query, bounds) for query in queries]
    if not reads:
        call.leaving()
    with anyio.CancelScope(shield=True):
        try:
            with anyio.fail_after(COMMIT_DEADLINE):
                await session.commit()
        except TimeoutError:
            session.is_usable = False
            message = f"no answer to COMMIT within {COMMIT_DEADLINE:g} s: nobody knows whether it was done"
            raise TemporaryError(message, kind="timeout", effect="unknown") from None
    return answers


async def _run_alone(session: Session, query: Query, bounds: Bounds, call: Call) -> Sequence[Answer]:
    """One statement that commits itself; what went wrong after it was sent may have happened all the same."""
    try:
        if not query.shape.reads:
            call.leaving()
        return [await session.run(query, bounds)]
    except ActionError as error:
        if query.shape.reads or error.kind not in {"connection", "limit"}:
            raise
        effect: Effect = "unknown" if error.kind == "connection" else "done"
        raise type(error)(str(error), kind=error.kind, effect=effect, facts=error.facts) from None


async def _abandon(session: Session) -> None:
    """Roll back within a deadline, or give the session up."""
    is_done = False
    try:
        with anyio.move_on_after(ROLLBACK_DEADLINE, shield=True):
            await session.rollback()
            is_done = True
    except ActionError:
        pass
    finally:
        session.is_usable = session.is_usable and is_done


def _target(config: SqlConfig) -> tuple[Target, str]:
    text = reveal(config.connection_string)
    if not isinstance(text, str):
        raise PermanentError("connection_string: expected text", kind="config")
    try:
        return parse(text.strip()), text
    except ValueError as error:
        raise PermanentError(str(error), kind="config") from None


def _statements(config: SqlConfig) -> tuple[list[Statement], list[str]]:
    if (config.query is None) == (config.queries is None):
        raise PermanentError("expected one of query and queries", kind="config")
    if config.query is not None:
        return [config.query], ["query"]
    queries = config.queries or []
    if not queries:
        raise PermanentError("queries: expected at least one statement", kind="config")
    return queries, [f"queries[{index}]" for index in range(len(queries))]


def _check_transaction(config: SqlConfig, queries: Sequence[Query], target: Target, pool: Pool) -> None:
    if config.exactly_once:
        raise PermanentError(
            "exactly_once: this version of Runner checks it but cannot carry it out yet", kind="config"
        )
    if not config.transaction and (len(queries) > 1 or config.isolation):
        raise PermanentError("transaction: false goes with one query and no isolation", kind="config")
    if config.isolation and config.isolation not in pool.connector.isolations:
        known = ", ".join(sorted(pool.connector.isolations))
        raise PermanentError(
            f"isolation: {target.name} has no {config.isolation!r}, expected one of {known}", kind="config"
        )


def _value(answer: Answer) -> dict[str, Any]:
    return {"row": answer.rows[0] if answer.rows else None, "rows": answer.rows, "row_count": answer.row_count}
