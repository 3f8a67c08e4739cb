"""
What commands read where no daemon answers: the store's file, without its lock and without writing; the folder as it is.

    runs      ──► SQLite, a connection that only reads ──► runner.web.lookups
    workflows ──► the folder's files, over the last good catalog ──► documents

The documents are those that a daemon would give.
"""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiosqlite
import anyio

from runner.definitions.model import Workflow
from runner.errors import RunnerError, StoreError
from runner.ports import JournalRow, RunFilter, RunRow
from runner.store.lookups import Lookups
from runner.store.reads import Reads
from runner.store.statements import load
from runner.web.lookups import Records


class ReadOnlyRecords:
    """The reading part of a store that nobody has open."""

    def __init__(self, reads: Reads, lookups: Lookups) -> None:
        self.find: Callable[[RunFilter], Awaitable[Any]] = reads.find
        self.get: Callable[[str], Awaitable[RunRow | None]] = reads.get
        self.read: Callable[[str], Awaitable[Any]] = reads.read
        self.blob: Callable[[str, int], Awaitable[bytes]] = reads.blob
        self._lookups = lookups

    async def definition(self, revision: str) -> Workflow:
        """The revision that a run pins. Raises StoreError."""
        return self._lookups.definition(revision)
