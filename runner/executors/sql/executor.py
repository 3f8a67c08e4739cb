"""
Carry out one attempt of a `type: sql` action: a transaction's worth of statements on a pooled session.

    config ──► target, queries ──► session ──► transaction   begin → run … → commit ──► {row, rows, row_count}
                                          └──► once          the same, exactly once (`exactly_once: true`)

Values are revealed when a driver encodes them, the connection string when it is parsed, and nowhere else.

The engine calls it through `runner.ports.Executor`. It must not know which database it talks to.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio

from runner.errors import ActionError, PermanentError
from runner.executors.sql import departure
from runner.executors.sql.clean import Cleaner
from runner.executors.sql.config import SqlConfig
from runner.executors.sql.connection_string import DIALECTS, Dialect, Target, parse
from runner.executors.sql.driver import Answer, Bounds, Driver, StaleStatementError
from runner.executors.sql.effects import Effects
from runner.executors.sql.labels import secret_parts
from runner.executors.sql.mysql.driver import MysqlDriver
from runner.executors.sql.once import carry_out
from runner.executors.sql.pools import Pool, Pools
from runner.executors.sql.postgres.driver import PostgresDriver
from runner.executors.sql.shape import Marks, Query, Shape, Written, fill, read, unused_params
from runner.executors.sql.sqlite.driver import SqliteDriver
from runner.executors.sql.transaction import ROLLBACK_DEADLINE, Work, run_alone, transact
from runner.expressions.template import Statement
from runner.ports import Call, ExecutorLimits, Result
from runner.secret import reveal

STALE_TRIES: Final = 3
SHAPES_KEPT: Final = 1000


@asynccontextmanager
async def open_sql(limits: ExecutorLimits) -> AsyncIterator["SqlExecutor"]:
    """The executor, with its pools, for as long as the block lives."""
    async with anyio.create_task_group() as resetting:
        pools = Pools(resetting)
        resetting.start_soon(pools.keep_swept)
        try:
            yield SqlExecutor(limits, pools, Cleaner(resetting, limits.retention))
        finally:
            with anyio.move_on_after(ROLLBACK_DEADLINE, shield=True):
                await pools.close()
            resetting.cancel_scope.cancel()


class SqlExecutor:
    """`runner.ports.Executor` for `type: sql`."""

    def __init__(self, limits: ExecutorLimits, pools: Pools, cleaner: Cleaner) -> None:
        self._limits = limits
        self._pools = pools
        self._cleaner = cleaner
        self._effects = {dialect: Effects(dialect) for dialect in DIALECTS}
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
        work = Work(queries, config.isolation, bounds, call)
        for left in reversed(range(STALE_TRIES)):
            try:
                answers = await self._attempt(pool, config, target.dialect, work)
            except StaleStatementError as stale:
                if not left:
                    raise stale.error from None
            else:
                return _result(answers, alone=config.query is not None)
        raise AssertionError("the last try returns or raises")

    async def prepare(self, config: SqlConfig, call: Call) -> Mapping[str, ActionError]:
        """
        What the database says against each statement, by `query` or `queries[2]`; none is executed.

        Raises TemporaryError and PermanentError for what no statement is to blame for.
        """
        target, text = _target(config)
        queries = self._queries(config, target.dialect)
        await departure.check(target, config, queries, call)
        if target.dialect == "sqlite" and not await anyio.Path(target.path).exists():
            raise PermanentError(
                "connection_string: the file is not there, and looking does not make one", kind="config"
            )
        pool = self._pools.of(text, lambda: self._drivers[target.dialect].connector(target, self._limits))
        found: dict[str, ActionError] = {}
        async with pool.session() as session:
            for query in queries:
                try:
                    await session.prepare(query)
                except StaleStatementError as stale:
                    found[query.label] = stale.error
                except ActionError as error:
                    if error.kind == "connection":
                        raise
                    found[query.label] = error
        return found

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

    async def _attempt(self, pool: Pool, config: SqlConfig, dialect: Dialect, work: Work) -> Sequence[Answer]:
        if config.exactly_once:
            effects = self._effects[dialect]
            answers = await carry_out(pool, effects, work)
            self._cleaner.clean_later(pool, effects)
            return answers
        async with pool.session() as session:
            return await (transact if config.transaction else run_alone)(session, work)


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
    if not config.transaction and (len(queries) > 1 or config.isolation or config.exactly_once):
        raise PermanentError("transaction: false goes with one query, no isolation and no exactly_once", kind="config")
    if config.isolation and config.isolation not in pool.connector.isolations:
        known = ", ".join(sorted(pool.connector.isolations))
        raise PermanentError(
            f"isolation: {target.name} has no {config.isolation!r}, expected one of {known}", kind="config"
        )


def _result(answers: Sequence[Answer], *, alone: bool) -> Result:
    """The value of the one query, or the list of all of them."""
    if alone:
        return Result(_value(answers[0]), secret_parts(answers[0].rows))
    labels = [secret_parts(answer.rows, (index,)) for index, answer in enumerate(answers)]
    return Result(
        [_value(answer) for answer in answers], {path: names for each in labels for path, names in each.items()}
    )


def _value(answer: Answer) -> dict[str, Any]:
    return {"row": answer.rows[0] if answer.rows else None, "rows": answer.rows, "row_count": answer.row_count}
