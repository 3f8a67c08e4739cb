"""
The seam between the executor and a database.

    Driver ──connector(target)──► Connector ──connect()──► Session: begin → run … → commit | rollback → reset

A `Connector` belongs to one connection string and holds what its sessions share (types, how statements were prepared).
A `Session` is one connection, used by one attempt at a time. The executor opens the transaction, runs the statements
and commits, whatever the database; `postgres`, `sqlite` and `mysql` implement this page, and one contract suite tests
the three.

Sessions raise `TemporaryError` and `PermanentError` with `effect: none`: whoever opened the transaction knows better.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from runner.errors import ActionError
from runner.executors.sql.connection_string import Target
from runner.executors.sql.shape import Query
from runner.ports import ExecutorLimits


class Answer(NamedTuple):
    """What a statement gave: rows as JSON values by column name, and how many rows it returned or changed."""

    rows: list[Mapping[str, Any]]
    row_count: int


class Bounds(NamedTuple):
    """How much a statement may return: rows, and bytes in all (roughly, as they are held)."""

    max_rows: int
    max_size: int


class StaleStatementError(Exception):
    """
    What was kept about a statement no longer holds (a type changed, a pooler stands between): do it all once more.

    `error` is what is raised where that does not help.
    """

    def __init__(self, error: ActionError) -> None:
        self.error = error
        super().__init__()


class Session(Protocol):
    """One connection to a database."""

    is_usable: bool
    """False once something happened after which nothing can be said about the connection: it is dropped."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, as far as the database's last answer says."""

    async def begin(self, isolation: str | None, *, reads: bool) -> None:
        """Open a transaction; `reads` promises that its statements change nothing."""

    async def run(self, query: Query, bounds: Bounds) -> Answer:
        """One statement, its values bound by the server's own protocol. Raises StaleStatementError besides."""

    async def prepare(self, query: Query) -> None:
        """
        Have the database read one statement, in a transaction that is rolled back; nothing is executed.

        Raises as `run` for what is wrong with it. Values are not looked at but for how many there are.
        """

    async def commit(self) -> None:
        """Raises TemporaryError with `effect: unknown` where the answer was lost."""

    async def rollback(self) -> None:
        """End what still runs on the server, and the transaction if one is open. Called under a shield."""

    async def reset(self) -> None:
        """Forget what the attempt left in the session (settings, locks, temporary tables), or become unusable."""

    def drop(self) -> None:
        """Close at once, without a word to the server. May be called again."""

    async def close(self) -> None:
        """Close in good order."""


class Connector(Protocol):
    """Opens sessions for one connection string."""

    isolations: frozenset[str]
    """The isolation levels that the database has."""

    async def connect(self) -> Session:
        """Raises TemporaryError (`connection`) or PermanentError (`refused`, `config`)."""


class Driver(Protocol):
    """One kind of database."""

    def connector(self, target: Target, limits: ExecutorLimits) -> Connector:
        """Does no I/O."""
