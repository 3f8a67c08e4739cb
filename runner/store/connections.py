"""
The connections of a store's file: the writer's, the one that reads on the loop, the one that reads in a thread.

    open_file(path) ──► private file, current format, boot + 1 ──► Opened ──► writing(Writer)
                                                                             reading(path) ──► Lookups, aiosqlite

`runner.store.sqlite` opens and closes them.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final, NamedTuple

import aiosqlite
import anyio

from runner.errors import StoreError
from runner.store import files
from runner.store.lookups import Lookups
from runner.store.migrate import migrate
from runner.store.statements import load, migrations, split
from runner.store.writer import Writer

BUSY_SECONDS: Final = 5.0
"""How long a connection waits for a lock, say of somebody who looks into the file with another program."""


class Opened(NamedTuple):
    """A file that is open: its writer's connection, and what it says of itself."""

    path: Path
    connection: sqlite3.Connection
    boot: int
    restored_at: float | None


def open_file(path: Path) -> Opened:
    """The writer's connection, on a file of the current format, under the boot number of this opening."""
    files.private(path)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        sql = load("opening")
        migrate(connection, path, migrations())
        for pragma in split(sql["writer"]):
            connection.execute(pragma)
        boot, restored_at = connection.execute(sql["boot"]).fetchall()[0]
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise StoreError(f"{path}: the store cannot be opened: {error}") from error
        raise
    return Opened(path, connection, boot, restored_at)


@asynccontextmanager
async def writing(writer: Writer) -> AsyncIterator[Writer]:
    """The writer at work; the end of the block waits for what was handed over."""
    writer.start()
    try:
        yield writer
    finally:
        await writer.close()


@asynccontextmanager
async def reading(path: Path) -> AsyncIterator[tuple[Lookups, aiosqlite.Connection]]:
    """Two connections that only read: one for the loop, one in a thread of aiosqlite's."""
    reader = load("opening")["reader"]
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as on_loop:
        on_loop.execute(reader)
        in_thread = await aiosqlite.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            await in_thread.execute_fetchall(reader)
            yield Lookups(on_loop), in_thread
        finally:
            with anyio.CancelScope(shield=True):
                await in_thread.close()
