"""
The file of accounts: made private, opened once, asked one statement at a time in a thread.

    open_rows(path) ──► Rows.all("tokens"), Rows.change("add_token", …)

The statements stand in `sql/accounts.sql`. The file lies beside the vault and is none of it: it is there without a
master key too, and a request that is let in does not make the vault read anew. `runner.accounts.accounts` uses it.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread

from runner.errors import AccessError
from runner.secrets.files import make_private

T = TypeVar("T")

APPLICATION: Final = 0x52756E41
"""`RunA` in the file's header: these are accounts of Runner."""

FORMAT: Final = 1
_BUSY: Final = 5.0
"""Seconds that SQLite itself waits for another process's transaction."""


def accounts_path(vault: Path) -> Path:
    """Where it lies: `runner-accounts.db` beside `runner.db`."""
    return vault.with_name(f"{vault.stem}-accounts{vault.suffix}")


@cache
def _statements() -> dict[str, str]:
    """The statements of accounts.sql by name; a constant of the package, read once."""
    pieces = (piece.partition("\n") for piece in _text("accounts").split("-- name: ")[1:])
    return {name.strip(): body.strip() for name, _, body in pieces}


@asynccontextmanager
async def open_rows(path: Path) -> AsyncIterator["Rows"]:
    """The file, made where there is none. Raises SecretError where it cannot be made, AccessError for another file."""
    connection = await anyio.to_thread.run_sync(_open, path)
    try:
        yield Rows(path, connection)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(connection.close)


class Rows:
    """Its tables. All raise AccessError where the file cannot be read or written."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._lock = anyio.Lock()

    async def all(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows that a statement finds."""
        return await self._do(lambda: self._connection.execute(_statements()[statement], values).fetchall())

    async def one(self, statement: str, **values: Any) -> tuple[Any, ...] | None:
        """The first of them."""
        return next(iter(await self.all(statement, **values)), None)

    async def change(self, statement: str, **values: Any) -> int:
        """How many rows a statement changed."""
        return await self._do(lambda: self._connection.execute(_statements()[statement], values).rowcount)

    async def change_together(self, first: tuple[str, dict[str, Any]], *more: tuple[str, dict[str, Any]]) -> bool:
        """All of these in one transaction; none, and False, where the first changes no row."""

        def work() -> bool:
            with self._connection:
                self._connection.execute("begin immediate")
                is_done = bool(self._connection.execute(_statements()[first[0]], first[1]).rowcount)
                for statement, values in more if is_done else ():
                    self._connection.execute(_statements()[statement], values)
            return is_done

        return await self._do(work)

    async def _do(self, work: Callable[[], T]) -> T:
        async with self._lock:
            try:
                return await anyio.to_thread.run_sync(work)
            except sqlite3.Error as error:
                raise AccessError(f"{self._path}: {error}", reason="file") from None


def _open(path: Path) -> sqlite3.Connection:
    make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY, check_same_thread=False)
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma secure_delete = on")
        with connection:
            connection.execute("begin immediate")
            _check_format(path, connection)
    except sqlite3.Error as error:
        connection.close()
        raise AccessError(f"{path} cannot be opened: {error}", reason="file") from None
    except AccessError:
        connection.close()
        raise
    return connection


def _check_format(path: Path, connection: sqlite3.Connection) -> None:
    if not connection.execute("select count(*) from sqlite_master").fetchone()[0]:
        for statement in _text("schema").split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(f"pragma application_id = {APPLICATION}")
        connection.execute(f"pragma user_version = {FORMAT}")
        return
    if connection.execute("pragma application_id").fetchone()[0] != APPLICATION:
        raise AccessError(f"{path} is a database, but not one of Runner's accounts: move it away", reason="file")
    version: int = connection.execute("pragma user_version").fetchone()[0]
    if version > FORMAT:
        raise AccessError(
            f"{path} was made by a newer version of Runner (format {version}, known is {FORMAT})", reason="file"
        )


def _text(name: str) -> str:
    return resources.files("runner.accounts").joinpath(f"sql/{name}.sql").read_text("utf-8")
