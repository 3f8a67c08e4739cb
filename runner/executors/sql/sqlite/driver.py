"""
Open SQLite files that workflows may use.

    Target ──► path within the allowed folders, none of the daemon's own ──► made 0600 ──► SqliteSession

A path is relative to the daemon's working directory. With `mode=rwc` (the default) a missing file and its folder are
made; `rw` and `ro` want it to exist. `busy_timeout` (5,000 ms) is how long a lock is waited for, `foreign_keys=on`
enforces them. The executor makes one `SqliteDriver`.
"""

import os
import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

import aiosqlite
import anyio
import anyio.to_thread

from runner.errors import PermanentError
from runner.executors.sql.connection_string import Target
from runner.executors.sql.files import allowed_file
from runner.executors.sql.sqlite.failures import failure
from runner.executors.sql.sqlite.session import SqliteSession, guard
from runner.ports import ExecutorLimits

BUSY_TIMEOUT: Final = 5000
"""Milliseconds."""

ITERATED: Final = 64
"""aiosqlite's chunk for iteration, which nothing here uses."""


class SqliteDriver:
    """`runner.executors.sql.driver.Driver`."""

    def __init__(self) -> None:
        self._turns: dict[str, anyio.Semaphore] = {}

    def connector(self, target: Target, limits: ExecutorLimits) -> "SqliteConnector":
        """For one connection string; those of one path share the turn to write."""
        turn = self._turns.setdefault(str(Path(target.path).absolute()), anyio.Semaphore(1))
        return SqliteConnector(target, limits, turn)


class SqliteConnector:
    """`runner.executors.sql.driver.Connector`."""

    isolations = frozenset({"serializable"})

    def __init__(self, target: Target, limits: ExecutorLimits, turn: anyio.Semaphore) -> None:
        self._target = target
        self._limits = limits
        self._turn = turn

    async def connect(self) -> SqliteSession:
        """Raises PermanentError (`refused`, `config`)."""
        opened = await anyio.to_thread.run_sync(self._open)
        return SqliteSession(await aiosqlite.Connection(lambda: opened, ITERATED), self._turn)

    def _open(self) -> sqlite3.Connection:
        options = self._target.options
        mode = options.get("mode", "rwc")
        path = allowed_file(self._target.path, self._limits)
        if mode == "rwc":
            _make(path)
        try:
            connection = sqlite3.connect(
                f"file:{quote(path)}?mode={'rw' if mode == 'rwc' else mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=int(options.get("busy_timeout", BUSY_TIMEOUT)) / 1000,
            )
            connection.execute(f"pragma foreign_keys = {options.get('foreign_keys', 'off')}")
        except sqlite3.Error as error:
            raise failure(error) from None
        guard(connection)
        return connection


def _make(path: str) -> None:
    """An empty file that nobody else may read, unless there is one."""
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise PermanentError(
            f"SQLite: the file cannot be made: {os.strerror(error.errno or 0)}", kind="config"
        ) from None
