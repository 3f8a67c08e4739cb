"""
Where the store keeps how far the vault was seen: in its own row, a job of the writer's each time.

Called by `runner.daemon.vault_keeper` through `runner.ports.VaultNotes`, and for a backup by `runner.store.copies`.
"""

import sqlite3
from typing import Any

from runner.marks import VaultMark
from runner.store.statements import load
from runner.store.writer import Writer


class SqliteVaultNotes:
    """The mark on one database."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def read(self) -> VaultMark | None:
        """What was written last. Raises StoreDegradedError."""

        def job(connection: sqlite3.Connection) -> VaultMark | None:
            row = connection.execute(load("vault_notes")["read"]).fetchone()
            return None if row[0] is None else VaultMark(*row)

        found: VaultMark | None = await self._writer.call(job)
        return found

    async def write(self, mark: VaultMark) -> None:
        """In the place of what was written before. Raises StoreDegradedError."""
        await self._writer.call(lambda connection: put(connection, mark))


def put(connection: sqlite3.Connection, mark: VaultMark) -> None:
    """Write it on this connection."""
    values: tuple[Any, ...] = (mark.vault, mark.generation, mark.sequence, mark.mac)
    connection.execute(load("vault_notes")["write"], values)
