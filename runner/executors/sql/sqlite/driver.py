"""
Open SQLite files that workflows may use.

    Target ──► its open folder, within the allowed ones, none of the daemon's own ──► made 0600
           ──► SQLite opens it by name ──► it has opened that very file (`descriptors`)? ──► SqliteSession

A path is relative to the daemon's working directory. With `mode=rwc` (the default) a missing file and its folder are
made; `rw` and `ro` want it to exist. `busy_timeout` (5,000 ms) is how long a lock is waited for, `foreign_keys=on`
enforces them. The executor makes one `SqliteDriver`.
"""

import os
import sqlite3
from pathlib import Path
from threading import Lock
from typing import Final
from urllib.parse import quote

import aiosqlite
import anyio
import anyio.to_thread

from runner.errors import PermanentError
from runner.executors.files import Inode, Place
from runner.executors.sql.connection_string import Target
from runner.executors.sql.files import database_place, regular
from runner.executors.sql.sqlite.descriptors import is_that, open_files
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
        self._opening = Lock()

    def connector(self, target: Target, limits: ExecutorLimits) -> "SqliteConnector":
        """For one connection string; those of one path share the turn to write."""
        turn = self._turns.setdefault(str(Path(target.path).absolute()), anyio.Semaphore(1))
        return SqliteConnector(target, limits, turn, self._opening)


class SqliteConnector:
    """`runner.executors.sql.driver.Connector`."""

    isolations = frozenset({"serializable"})

    def __init__(self, target: Target, limits: ExecutorLimits, turn: anyio.Semaphore, opening: Lock) -> None:
        self._target = target
        self._limits = limits
        self._turn = turn
        self._opening = opening

    async def connect(self) -> SqliteSession:
        """Raises PermanentError (`refused`, `config`)."""
        opened = await anyio.to_thread.run_sync(self._open)
        return SqliteSession(await aiosqlite.Connection(lambda: opened, ITERATED), self._turn)

    def _open(self) -> sqlite3.Connection:
        mode = self._target.options.get("mode", "rwc")
        with database_place(self._target.path, self._limits, make=mode == "rwc") as place:
            if mode == "rwc":
                _make(place)
            expected = regular(place)
            try:
                connection = self._connected(place, "rw" if mode == "rwc" else mode, expected)
                connection.execute(f"pragma foreign_keys = {self._target.options.get('foreign_keys', 'off')}")
            except sqlite3.Error as error:
                raise failure(error) from None
        guard(connection)
        return connection

    def _connected(self, place: Place, mode: str, expected: Inode | None) -> sqlite3.Connection:
        """
        Nobody else of this driver opens meanwhile, so that what is open anew is what SQLite opened. Raises
        PermanentError (`refused`) where it was led elsewhere: nothing was read there, nothing written.
        """
        timeout = int(self._target.options.get("busy_timeout", BUSY_TIMEOUT)) / 1000
        with self._opening:
            before = open_files()
            connection = sqlite3.connect(
                f"file:{quote(place.path)}?mode={mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=timeout,
            )
            name = connection.execute("pragma database_list").fetchone()[2]
            if name == place.path and is_that(expected, before, open_files()):
                return connection
            connection.close()
        raise PermanentError("connection_string: the file is another one by now", kind="refused")


def _make(place: Place) -> None:
    """
    An empty file that nobody else may read, unless there is one. One that is there is not even opened: closing it would
    end the locks that other connections of this process hold on it.
    """
    try:
        os.close(os.open(place.name, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=place.folder))
    except FileExistsError:
        return
    except OSError as error:
        raise PermanentError(
            f"SQLite: the file cannot be made: {os.strerror(error.errno or 0)}", kind="config"
        ) from None
