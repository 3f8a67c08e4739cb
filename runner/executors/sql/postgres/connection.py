"""
asyncpg's connection with the two things it lacks: an execute with a limit, and a reset that keeps prepared statements.

`driver` has asyncpg make these; the session alone calls them. Of asyncpg's insides it uses the protocol object.
"""

from collections.abc import Sequence
from typing import Any, cast

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

_Rows = tuple[list[asyncpg.Record], bytes | None, bool]
"""Rows, the command's tag once there is one, and whether that was all."""


class RunnerConnection(asyncpg.Connection):
    """asyncpg's connection with a limited execute, and a reset that keeps prepared statements."""

    def get_reset_query(self) -> str:
        """What DISCARD ALL does, but for prepared statements, which are the point of a pool."""
        return (
            "set session authorization default; reset all; close all; unlisten *; "
            "select pg_advisory_unlock_all(); discard temp; discard sequences"
        )

    async def first_rows(self, statement: "PreparedStatement[Any]", values: Sequence[Any], limit: int) -> _Rows:
        """Bind, and execute up to `limit` rows: the rows, the command's tag, whether that was all."""
        inside: Any = self
        state = cast("Any", statement)._state  # noqa: SLF001  no public call has a limit
        return cast("_Rows", await inside._protocol.bind_execute(state, values, "", limit, True, None))  # noqa: SLF001  as above

    async def next_rows(self, statement: "PreparedStatement[Any]", limit: int) -> _Rows:
        """Go on after `first_rows`; only within a transaction, which keeps the portal."""
        inside: Any = self
        state = cast("Any", statement)._state  # noqa: SLF001  as above
        return cast("_Rows", await inside._protocol.execute(state, "", limit, True, None))  # noqa: SLF001  as above
