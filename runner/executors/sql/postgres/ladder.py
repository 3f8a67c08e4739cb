"""
Find how a statement is prepared, so that values fit without casts in the text.

    shared ──42P18, 42P08, 42883, 42725, 42804──► apart ──the same──► cast ──► the first rung's error

PostgreSQL decides a parameter's type from where it stands. Where it cannot (`select $a, $a + 1`), other ways of writing
the same statement help; which one did is kept by statement for all sessions of a connection string, with the values'
types on rung 3. A parameter of a type that has no binary form here is written once more as text with a cast (`types`).

The session calls `prepare`; a failed try inside a transaction is undone by a savepoint.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from runner.errors import PermanentError
from runner.executors.sql.postgres.render import Rendered, Rung, json_cast, render, shared_slots
from runner.executors.sql.postgres.types import Catalog, PgType
from runner.executors.sql.shape import Query, Shape

UNDECIDED: Final = frozenset({"42P18", "42P08", "42883", "42725", "42804"})
LAST: Final[Rung] = "cast"
KEPT: Final = 1000

_Way = tuple[Rung, tuple[tuple[int, str], ...]]
"""A rung, and the casts that the server's types asked for."""

Prepare = Callable[[Rendered], Awaitable["PreparedStatement[Any]"]]


class Prepared(NamedTuple):
    """A statement ready to be executed with the values of the slots `order`, each of its `kind`."""

    statement: "PreparedStatement[Any]"
    order: tuple[int, ...]
    kinds: tuple[PgType, ...]


class Ladder:
    """What is known about the statements of one connection string."""

    def __init__(self) -> None:
        self.catalog = Catalog()
        self._ways: dict[tuple[Any, ...], _Way] = {}

    def forget(self) -> None:
        """Types or tables changed."""
        self._ways.clear()
        self.catalog.forget()

    def knows(self, query: Query, values: Sequence[Any]) -> bool:
        """Whether a way was kept for this statement with values such as these."""
        plain, typed = _keys(query, values)
        return plain in self._ways or typed in self._ways

    async def prepare(
        self, connection: asyncpg.Connection, query: Query, values: Sequence[Any], prepare: Prepare
    ) -> Prepared:
        """
        The statement, prepared. `values` are revealed; `prepare` makes or finds the server's statement for a text.

        Raises PermanentError where the server counts other parameters than there are, asyncpg.PostgresError otherwise.
        """
        shared = shared_slots(query.shape, values)
        types = [json_cast(value) for value in values]
        plain, typed = _keys(query, values)
        way = self._ways.get(plain) or self._ways.get(typed)
        if way:
            casts = dict(way[1])
            rendered = render(query.shape, way[0], shared, types, casts)
            kept = await self._describe(connection, query, rendered, casts, await prepare(rendered))
            if all(number in casts for number, kind in enumerate(kept.kinds, 1) if kind.cast):
                return kept
        first: asyncpg.PostgresError | None = None
        for rung in _rungs(query.shape):
            try:
                async with _savepoint(connection, is_needed=rung != LAST and bool(values)):
                    prepared, casts = await self._climb(connection, query, rung, (shared, types), prepare)
            except asyncpg.PostgresError as error:
                if error.sqlstate not in UNDECIDED:
                    raise
                first = first or error
            else:
                self._keep(typed if rung == LAST else plain, (rung, tuple(casts.items())))
                return prepared
        raise first or AssertionError("no rung was tried")

    async def _climb(
        self,
        connection: asyncpg.Connection,
        query: Query,
        rung: Rung,
        known: tuple[tuple[int, ...], Sequence[str]],
        prepare: Prepare,
    ) -> tuple[Prepared, dict[int, str]]:
        casts: dict[int, str] = {}
        rendered = render(query.shape, rung, *known, casts)
        prepared = await self._describe(connection, query, rendered, casts, await prepare(rendered))
        casts = {number: kind.cast for number, kind in enumerate(prepared.kinds, 1) if kind.cast}
        if not casts:
            return prepared, casts
        rendered = render(query.shape, rung, *known, casts)
        again = await self._describe(connection, query, rendered, casts, await prepare(rendered))
        kinds = tuple(old if old.cast else new for old, new in zip(prepared.kinds, again.kinds, strict=True))
        return again._replace(kinds=kinds), casts

    async def _describe(
        self,
        connection: asyncpg.Connection,
        query: Query,
        rendered: Rendered,
        casts: dict[int, str],
        statement: "PreparedStatement[Any]",
    ) -> Prepared:
        oids = [parameter.oid for parameter in statement.get_parameters()]
        if len(oids) != len(rendered.order):
            raise PermanentError(
                f"{query.label}: PostgreSQL counts {len(oids)} parameters where {len(rendered.order)} are bound: "
                "is a reference inside text that the server reads as a literal or a comment?",
                kind="statement",
            )
        unknown = self.catalog.unknown(oids)
        if unknown:
            await self.catalog.learn(connection, unknown)
        kinds = tuple(
            _text_for(casts[number]) if number in casts else self.catalog.get(oid) for number, oid in enumerate(oids, 1)
        )
        return Prepared(statement, rendered.order, kinds)

    def _keep(self, key: tuple[Any, ...], way: _Way) -> None:
        if len(self._ways) >= KEPT:
            del self._ways[next(iter(self._ways))]
        self._ways[key] = way


def _keys(query: Query, values: Sequence[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What a way is kept by on the first two rungs, and on the third."""
    shared = shared_slots(query.shape, values)
    return (query.shape, shared), (query.shape, shared, *map(json_cast, values))


def _text_for(cast: str) -> PgType:
    """The type of a parameter that goes as text and is cast to `cast`."""
    name = cast.removesuffix("[]")
    element = PgType("other", name, sql=name)
    return PgType("array", cast, element=element) if cast.endswith("[]") else element


def _rungs(shape: Shape) -> tuple[Rung, ...]:
    return ("shared", "apart", LAST) if shape.slots else ("shared",)


@asynccontextmanager
async def _savepoint(connection: asyncpg.Connection, *, is_needed: bool) -> AsyncIterator[None]:
    """Undo what fails inside, so that the transaction goes on."""
    if not is_needed or not connection.is_in_transaction():
        yield
        return
    await connection.execute("savepoint runner_ladder")
    try:
        yield
    except asyncpg.PostgresError:
        await connection.execute("rollback to savepoint runner_ladder")
        raise
    await connection.execute("release savepoint runner_ladder")
