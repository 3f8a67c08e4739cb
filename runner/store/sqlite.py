"""
The store on disk: one SQLite file, one process, one thread that writes.

    open_store(path) ──► lock ──► file ──► format ──► boot + 1 ──► SqliteStore ─┬─ Writer   appends, admissions, claims
                                                                             ├─ Lookups  what the engine asks
                                                                             └─ Reads    what people ask

The composition root opens it; nothing above `runner.ports` knows which store it is. A lookup waits for what was
appended before it, as long as the disk takes it; but `last` tells of ends that are on disk (who awaited one sees it).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from runner.clock import Clock, SystemClock
from runner.definitions.model import Workflow
from runner.events import Ended
from runner.ports import (
    Admission,
    Admitted,
    Append,
    Claimed,
    Due,
    JournalRow,
    Last,
    Queued,
    Reopening,
    RunFilter,
    RunRow,
    Sizes,
    Swept,
)
from runner.store import connections, files
from runner.store.admissions import Admissions
from runner.store.appends import Appends
from runner.store.batch import Apart, Batch
from runner.store.connections import Opened
from runner.store.firings import FiringRows
from runner.store.lanes import Lanes
from runner.store.lookups import Lookups
from runner.store.overviews import SqliteOverviews
from runner.store.pending import Pending
from runner.store.reads import Reads
from runner.store.retention import Retention
from runner.store.sqlite_firings import SqliteFirings
from runner.store.starts import SqliteStarts
from runner.store.vault_notes import SqliteVaultNotes
from runner.store.writer import Writer
from runner.tail import TailRow
from runner.tally import Commits


class SqliteStore:
    """A `runner.ports.Store`, as long as the block of `open_store` lasts."""

    def __init__(
        self,
        opened: Opened,
        writer: Writer,
        lookups: Lookups,
        reads: Reads,
        *,
        admissions: Admissions,
        firings: SqliteFirings,
        overviews: SqliteOverviews,
        clock: Clock,
    ) -> None:
        self.boot = opened.boot
        self.restored_at = opened.restored_at
        self._path = opened.path
        self._writer = writer
        self.starts = SqliteStarts(writer)
        self.vault_notes = SqliteVaultNotes(writer)
        self._lookups = lookups
        self._reads = reads
        self._admissions = admissions
        self._retention = Retention()
        self.firings = firings
        self.overviews = overviews
        self._clock = clock

    @property
    def degraded(self) -> bool:
        """The disk refuses to write: nothing new starts, appends wait."""
        return self._writer.degraded

    @property
    def commits(self) -> Commits:
        """How its transactions went."""
        return self._writer.commits

    @property
    def waiting(self) -> int:
        """What was handed over and is not on disk yet."""
        return self._writer.waiting

    def append(self, append: Append) -> Pending[None]:
        """Hand over and return at once; never refused for the disk's sake."""
        return self._writer.append(append)

    async def admit(self, admission: Admission) -> Admitted:
        """Accept a run, durably. Raises StoreDegradedError, StoreFencedError."""
        admitted: Admitted = await self._writer.call(admission)
        return admitted

    async def reopen(self, reopening: Reopening) -> Admitted:
        """Let an ended run go on, durably. Raises RefusedError, StoreDegradedError, StoreFencedError."""
        admitted: Admitted = await self._writer.call(lambda db: self._admissions.reopen(db, reopening))
        return admitted

    async def claim(self, boot: int, most: int) -> Sequence[Claimed]:
        """Take queued runs, oldest first, durably. Raises StoreDegradedError, StoreFencedError."""
        now = self._clock.wall()
        claimed: Sequence[Claimed] = await self._writer.call(lambda db: self._admissions.claim(db, boot, most, now))
        return claimed

    async def read(self, run: str, *, after: int = 0, most: int | None = None) -> Sequence[JournalRow]:
        """The run's whole journal in order. Raises StoreFormatError where it cannot be read."""
        await self._writer.written()
        return await self._reads.read(run, after, most)

    async def since(self, row: int, most: int) -> Sequence[TailRow]:
        """Appends of all runs behind that one, in the order that they were written in. Raises StoreError."""
        return await self._reads.since(row, most)

    async def tail_end(self) -> int:
        """The number of the last append of all."""
        await self._writer.written()
        return await self._reads.tail_end()

    async def last_seq(self, run: str) -> int:
        """The number of the run's last append."""
        await self._writer.written()
        return await self._reads.last_seq(run)

    async def end(self, run: str) -> Ended | None:
        """How the run ended. Raises StoreFormatError where its journal cannot be read."""
        await self._writer.written()
        return self._lookups.end(run)

    async def blob(self, run: str, number: int) -> bytes:
        """A value that was too big for its row. Raises StoreError."""
        await self._writer.written()
        return await self._reads.blob(run, number)

    async def definition(self, revision: str) -> Workflow:
        """The revision that a run pins. Raises StoreError."""
        return self._lookups.definition(revision)

    async def last(self, workflow: str) -> Last:
        """What `$last` and `$run.failures` mean for a run that starts now."""
        return self._lookups.last(workflow)

    async def find(self, wanted: RunFilter) -> Sequence[RunRow]:
        """Runs for a list, newest first."""
        await self._writer.written()
        return await self._reads.find(wanted)

    async def get(self, run: str) -> RunRow | None:
        """One run, by its id or by an unambiguous prefix of it."""
        await self._writer.written()
        return self._lookups.run(run) or await self._reads.get(run)

    async def live(self, *, after: str = "", most: int | None = None) -> Sequence[Claimed]:
        """Runs that are neither queued nor ended, oldest first."""
        await self._writer.written()
        return await self._reads.live(after, most)

    async def due(self, before: float, most: int) -> Sequence[Due]:
        """Parked places whose time has come, earliest first."""
        await self._writer.written()
        return self._lookups.due(before, most)

    async def superseded(self) -> Sequence[str]:
        """Runs that are to be cancelled for newer ones and have not ended yet."""
        await self._writer.written()
        return self._lookups.superseded()

    async def asking(self, most: int, after: tuple[str, str] = ("", "")) -> Sequence[Due]:
        """Parked places that wait for an answer, those of the oldest runs first."""
        await self._writer.written()
        return await self._reads.asking(most, after)

    async def horizon(self, before: str | None, runs: int) -> str | None:
        """The id of the run so many older than `before`, or than the newest."""
        await self._writer.written()
        return await self._reads.horizon(before, runs)

    async def queued(self, runs: Sequence[str]) -> Mapping[str, Queued]:
        """Why those of these runs that are queued wait, by id."""
        await self._writer.written()
        return await self._reads.queued(runs)

    async def counts(self) -> Mapping[str, int]:
        """Runs by state."""
        await self._writer.written()
        return await self._reads.counts()

    # --------------------------------------------------------------------------------------------------------- Upkeep

    async def sweep(self, before: float, after: str = "") -> Swept:
        """Delete a slice of the runs that ended before `before`. Raises StoreDegradedError."""
        swept: Swept = await self._writer.call(lambda db: self._retention.sweep(db, before, after))
        return swept

    async def forget(self, now: float) -> bool:
        """Drop a slice of what has served; whether more of it waits. Raises StoreDegradedError."""
        more: bool = await self._writer.call(lambda db: self._retention.forget(db, now))
        return more

    async def shrink(self) -> int:
        """Give a slice of free space back, and at the end what the WAL takes. Raises StoreDegradedError."""
        given: int = await self._writer.call(self._retention.shrink)
        if not given:
            await self._writer.call(Apart(self._retention.truncate))
        return given

    async def sizes(self) -> Sizes:
        """What the store takes of the disk."""
        file, wal = await anyio.to_thread.run_sync(files.sizes, self._path)
        return Sizes(file, wal, self._lookups.free(), self._writer.waiting)


@asynccontextmanager
async def open_store(
    path: str | Path, *, clock: Clock | None = None, allow_network: bool = False
) -> AsyncIterator[SqliteStore]:
    """
    Open the store at `path`, make or migrate it where needed, and own it for the length of the block.

    Raises StoreLockedError, StoreFormatError, and StoreError where the file cannot be made or used. Leaving the block
    writes what waits, unless the disk refuses.
    """
    path = Path(path)
    await anyio.to_thread.run_sync(lambda: files.folder(path, allow_network=allow_network))
    with files.lock(path):
        opened = await anyio.to_thread.run_sync(connections.open_file, path)
        lanes = Lanes()
        fired = FiringRows()
        appends = Appends(lanes, fired)
        admissions = Admissions(appends, lanes)
        async with (
            connections.writing(Writer(opened.connection, Batch(appends, admissions))) as writer,
            connections.reading(path) as (lookups, in_thread),
        ):
            clock = clock or SystemClock()
            firings = SqliteFirings(fired, writer, in_thread, clock)
            reads = Reads(in_thread)
            overviews = SqliteOverviews(in_thread, writer.written)
            yield SqliteStore(
                opened, writer, lookups, reads, admissions=admissions, firings=firings, overviews=overviews, clock=clock
            )
