"""
What stands in the `config` of a `type: sql` action (`language`, The `sql` executor).

    connection_string: $env.DATABASE_URL
    query: select * from orders where id = $input.id        one statement
    queries: [insert …, update …]                           several, in one transaction; the value is a list
    isolation: serializable
    transaction: false                                      for vacuum and its like: one statement, no transaction
    params: {since: $input.since}                           values for `:since` in the text; a list for `$1` or `?`
    max_rows: 500
    exactly_once: true                                      its effect happens once, however often it is repeated

`params` exists for statements that were written for another tool: a reference in the text needs none. A list fills the
database's own placeholders in order (`$1` on PostgreSQL, `?` on SQLite and MySQL) and goes with `query`; a mapping
fills `:name` on all three and goes with both. Every value must be used, and every placeholder must have a value.

`runner.definitions.load` reads the types of this model; `runner.executors.sql.load` checks what types cannot say;
`runner.executors.sql.executor` receives an instance with everything rendered.
"""

from typing import Annotated, Any, Literal

import msgspec

from runner.definitions.fields import Text
from runner.expressions.template import Statement

Isolation = Literal["read uncommitted", "read committed", "repeatable read", "serializable"]


class SqlConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One attempt's work. Exactly one of `query` and `queries`; `max_rows` None means the daemon's own limit."""

    connection_string: Text
    query: Statement | None = None
    queries: list[Statement] | None = None
    isolation: Isolation | None = None
    transaction: bool = True
    params: list[Any] | dict[str, Any] | None = None
    max_rows: Annotated[int, msgspec.Meta(ge=1)] | None = None
    exactly_once: bool = False
