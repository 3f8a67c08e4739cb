"""
What PostgreSQL's types mean for a value that is to be bound.

    oid ──► PgType(role) ──► how `encode` writes it

A built-in type is known by its oid, which no server changes; any other is looked up once a connection string
(`Catalog.learn`) and forgotten when a statement shows that it changed. A type that has no binary writing here (`other`:
ranges, inet, money, geometry, intervals, types of extensions) is bound as text and cast by the server:
`$1::text::inet`.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

import asyncpg

Role = Literal[
    "bool", "int", "float", "numeric", "text", "bytea", "date", "time", "timestamp", "timestamptz", "uuid", "json",
    "array", "other", "composite",
]  # fmt: skip


class PgType(NamedTuple):
    """A type: `name` as people write it, `size` in bytes for numbers, `element` of an array, `sql` to cast to it."""

    role: Role
    name: str
    size: int = 0
    element: "PgType | None" = None
    sql: str = ""

    @property
    def cast(self) -> str | None:
        """The type that text is cast to, where the server is to read the value itself."""
        if self.element:
            return f"{self.element.sql}[]" if self.element.role == "other" else None
        return self.sql if self.role == "other" else None


_SCALARS: Final[Mapping[int, tuple[PgType, int]]] = {
    16: (PgType("bool", "boolean"), 1000),
    17: (PgType("bytea", "bytea"), 1001),
    19: (PgType("text", "name"), 1003),
    20: (PgType("int", "bigint", 8), 1016),
    21: (PgType("int", "smallint", 2), 1005),
    23: (PgType("int", "integer", 4), 1007),
    25: (PgType("text", "text"), 1009),
    114: (PgType("json", "json"), 199),
    700: (PgType("float", "real", 4), 1021),
    701: (PgType("float", "double precision", 8), 1022),
    1042: (PgType("text", "character"), 1014),
    1043: (PgType("text", "character varying"), 1015),
    1082: (PgType("date", "date"), 1182),
    1083: (PgType("time", "time"), 1183),
    1114: (PgType("timestamp", "timestamp"), 1115),
    1184: (PgType("timestamptz", "timestamp with time zone"), 1185),
    1700: (PgType("numeric", "numeric"), 1231),
    2950: (PgType("uuid", "uuid"), 2951),
    3802: (PgType("json", "jsonb"), 3807),
}
_BUILT_IN: Final[Mapping[int, PgType]] = {
    **{oid: scalar for oid, (scalar, _) in _SCALARS.items()},
    **{array: PgType("array", f"{scalar.name}[]", element=scalar) for scalar, array in _SCALARS.values()},
}
_LEARN: Final = """
with recursive wanted(oid) as (
    select unnest($1::oid[])
    union
    select other
      from wanted join pg_catalog.pg_type t on t.oid = wanted.oid
     cross join lateral (values (t.typelem), (t.typbasetype)) as found(other)
     where other <> 0
)
select t.oid, t.typtype::text as kind, t.typbasetype as domain_of,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname) as sql,
       case when t.typcategory = 'A' then t.typelem else 0 end as element, pg_catalog.format_type(t.oid, null) as name
  from wanted
  join pg_catalog.pg_type t on t.oid = wanted.oid
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
"""


class Catalog:
    """The types of one connection string's database, as far as statements asked for them."""

    def __init__(self) -> None:
        self._found: dict[int, PgType] = {}

    def get(self, oid: int) -> PgType:
        """A type that is built in or was learned."""
        return _BUILT_IN.get(oid) or self._found[oid]

    def unknown(self, oids: Iterable[int]) -> list[int]:
        """Those that must be learned first."""
        return [oid for oid in oids if oid not in _BUILT_IN and oid not in self._found]

    async def learn(self, connection: asyncpg.Connection, oids: list[int]) -> None:
        """Look types up, with their elements and what their domains stand on."""
        rows = {int(row["oid"]): row for row in await connection.fetch(_LEARN, oids)}
        for oid in oids:
            self._found[oid] = self._read(rows, oid)

    def forget(self) -> None:
        """A type changed: look all of them up anew."""
        self._found.clear()

    def _read(self, rows: Mapping[int, asyncpg.Record], oid: int) -> PgType:
        if oid in _BUILT_IN or oid not in rows:
            return _BUILT_IN.get(oid) or PgType("other", "text", sql="text")
        row = rows[oid]
        if row["domain_of"]:
            return self._read(rows, int(row["domain_of"]))
        if row["element"]:
            return PgType("array", row["name"], element=self._read(rows, int(row["element"])))
        if row["kind"] in {"c", "p"}:
            return PgType("composite", row["name"])
        return PgType("text" if row["kind"] == "e" else "other", row["name"], sql=row["sql"])
