"""
The store's file where no daemon answers: read without its lock and without writing.

    question ──► SQLite, connections that only read ──► runner.web.lookups ──► the documents that a daemon would give

`runner.cli.runs`, `runner.cli.run_record` and `runner.cli.folder` call it.
"""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TypeVar

import aiosqlite
import anyio
from anyio.lowlevel import checkpoint

from runner.definitions.model import Workflow
from runner.errors import StoreError
from runner.ports import JournalRow, RunFilter, RunRow
from runner.settings import Settings
from runner.store.lookups import Lookups
from runner.store.reads import Reads
from runner.store.sqlite_firings import FiringReads

T = TypeVar("T")


class ReadOnlyRecords:
    """The reading part of a store, over connections that cannot write."""

    def __init__(self, reads: Reads, lookups: Lookups, firings: FiringReads) -> None:
        self.firings = firings
        self._reads = reads
        self._lookups = lookups

    async def find(self, wanted: RunFilter) -> Sequence[RunRow]:
        """Runs for a list."""
        return await self._reads.find(wanted)

    async def get(self, run: str) -> RunRow | None:
        """One run."""
        return await self._reads.get(run)

    async def definition(self, revision: str) -> Workflow:
        """The revision that a run pins. Raises StoreError."""
        return self._lookups.definition(revision)

    async def read(self, run: str) -> Sequence[JournalRow]:
        """A journal. Raises StoreFormatError."""
        return await self._reads.read(run)

    async def blob(self, run: str, number: int) -> bytes:
        """A value that was too big for its row. Raises StoreError."""
        return await self._reads.blob(run, number)


def ask_store(settings: Settings, question: Callable[[ReadOnlyRecords], Awaitable[T]]) -> T | None:
    """The answer of the store on disk; None where there is no store yet. Raises StoreError."""
    path = settings.sqlite.runs_path
    if not path.exists():
        return None

    async def main() -> T:
        async with _open(path) as records:
            return await question(records)

    try:
        return anyio.run(main)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: the store cannot be read: {error}") from None


@asynccontextmanager
async def _open(path: Path) -> AsyncIterator[ReadOnlyRecords]:
    address = f"{path.as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True)) as direct:
        direct.execute("pragma query_only = on")
        async with aiosqlite.connect(address, uri=True) as threaded:
            await threaded.execute("pragma query_only = on")
            yield ReadOnlyRecords(Reads(threaded), Lookups(direct), FiringReads(threaded, checkpoint))
