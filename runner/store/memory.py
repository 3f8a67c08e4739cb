"""
A store without a disk, for tests and for models: it commits and crashes when it is told to.

    append() ──► waiting operations ──commit(k)──► Tables            crash() ──► a store that was opened anew: boot + 1

It keeps the whole contract of `runner.ports.Store`; the contract suite runs over it and over the SQLite store. With
`auto_commit` everything is durable at once. Without, lookups see what was committed, admissions and claims wait for
`commit`. `break_disk` makes every commit fail until `mend_disk`.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from runner.clock import Clock, SystemClock
from runner.definitions.model import Workflow
from runner.errors import RunnerError, StoreDegradedError, StoreError
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
from runner.store.bounds import MOST_WAITING, PREFIX
from runner.store.fence import after_refused
from runner.store.journal import journal_row, last_output, latest_end
from runner.store.memory_firings import MemoryFirings
from runner.store.memory_retention import forget, sweep
from runner.store.memory_vault_notes import MemoryVaultNotes
from runner.store.pending import Pending
from runner.store.tables import Tables

Answer = TypeVar("Answer")


class MemoryStore:
    """A `runner.ports.Store` in memory. `tables` is its disk; of two stores over one disk the later is in force."""

    def __init__(self, *, clock: Clock | None = None, auto_commit: bool = True, tables: Tables | None = None) -> None:
        self.tables = tables or Tables()
        self.boot = self.tables.boot
        self.restored_at: float | None = None
        self.degraded = False
        self._clock = clock or SystemClock()
        self._auto_commit = auto_commit
        self._waiting: deque[tuple[Callable[[], Any], Pending[Any], bool]] = deque()
        self._refused: set[str] = set()
        self.firings = MemoryFirings(self.tables.firings, self._job, self._clock)
        self.vault_notes = MemoryVaultNotes(self.tables, self._job)

    # ------------------------------------------------------------------------------------- what a test does to a disk

    @property
    def waiting(self) -> int:
        """Operations that were handed over and not committed."""
        return len(self._waiting)

    def commit(self, most: int | None = None) -> int:
        """Make the next `most` waiting operations durable (all of them by default); says how many it were."""
        done = 0
        while self._waiting and not self.degraded and (most is None or done < most):
            work, pending, _ = self._waiting.popleft()
            done += 1
            try:
                answer = work()
            except RunnerError as error:
                pending.fail(error)
            else:
                pending.settle(answer)
        return done

    def crash(self) -> "MemoryStore":
        """Lose what was not committed, and open the disk again: the store returned owns it, this one is fenced off."""
        self._waiting.clear()
        self.tables.boot += 1
        return MemoryStore(clock=self._clock, auto_commit=self._auto_commit, tables=self.tables)

    def break_disk(self) -> None:
        """Every commit fails from now on: appends wait, admissions and claims that wait are refused."""
        self.degraded = True
        for entry in [each for each in self._waiting if each[2]]:
            self._waiting.remove(entry)
            entry[1].fail(StoreDegradedError("the disk refuses to write: nothing new starts"))

    def mend_disk(self) -> None:
        """Commits succeed again."""
        self.degraded = False
        self._committed()

    def _hand_over(self, work: Callable[[], Answer], *, new: bool) -> Pending[Answer]:
        pending: Pending[Answer] = Pending()
        self._waiting.append((work, pending, new))
        self._committed()
        return pending

    def _job(self, work: Callable[[], Answer]) -> Pending[Answer]:
        if self.degraded:
            raise StoreDegradedError("the disk refuses to write: nothing new starts")
        return self._hand_over(work, new=True)

    def _committed(self) -> None:
        if self._auto_commit:
            self.commit()

    # -------------------------------------------------------------------------------------------------------- Journal

    def append(self, append: Append) -> Pending[None]:
        """Hand over and return at once."""
        return self._hand_over(lambda: self._append(append), new=False)

    def _append(self, append: Append) -> None:
        try:
            self.tables.check_boot(f"run {append.run}", append.boot)
            if append.run in self._refused:
                raise after_refused(append.run, append.seq)
            self.tables.append(append)
        except StoreError:
            self._refused.add(append.run)
            raise

    async def read(self, run: str, *, after: int = 0, most: int | None = None) -> Sequence[JournalRow]:
        """The run's journal in order, or a part of it."""
        return [row for row in self._journal(run) if row.seq > after][:most]

    def _journal(self, run: str) -> list[JournalRow]:
        appends = sorted(self.tables.journal.get(run, {}).items())
        return [journal_row(run, seq, append.boot, append.at, append.events) for seq, append in appends]

    async def last_seq(self, run: str) -> int:
        """The number of the run's last append."""
        return max(self.tables.journal.get(run, {}), default=0)

    async def end(self, run: str) -> Ended | None:
        """How the run ended."""
        return latest_end(reversed(self._journal(run)))

    async def blob(self, run: str, number: int) -> bytes:
        """A value that was too big for its row. Raises StoreError."""
        try:
            return self.tables.blobs[run, number]
        except KeyError:
            raise StoreError(f"run {run}: value {number} is not in the store") from None

    # ----------------------------------------------------------------------------------------------------------- Runs

    async def admit(self, admission: Admission) -> Admitted:
        """Accept a run, durably. Raises StoreDegradedError, StoreFencedError."""
        if self.degraded or len(self._waiting) > MOST_WAITING:
            raise StoreDegradedError("the disk refuses to write: nothing new starts")
        return await self._hand_over(lambda: self.tables.admit(admission), new=True)

    async def reopen(self, reopening: Reopening) -> Admitted:
        """Let an ended run go on. Raises RefusedError, StoreDegradedError, StoreFencedError."""
        if self.degraded:
            raise StoreDegradedError("the disk refuses to write: nothing new starts")
        return await self._hand_over(lambda: self.tables.reopen(reopening), new=True)

    async def claim(self, boot: int, most: int) -> Sequence[Claimed]:
        """Take queued runs, oldest first. Raises StoreDegradedError, StoreFencedError."""
        if self.degraded:
            raise StoreDegradedError("the disk refuses to write: nothing new starts")
        return await self._hand_over(lambda: self.tables.claim(boot, most, self._clock.wall()), new=True)

    async def definition(self, revision: str) -> Workflow:
        """The revision that a run pins. Raises StoreError."""
        try:
            return Workflow.decode(self.tables.revisions[revision])
        except KeyError:
            raise StoreError(f"revision {revision} is not in the store") from None

    async def last(self, workflow: str) -> Last:
        """What `$last` and `$run.failures` mean for a run that starts now."""
        run, failures = self.tables.last.get(workflow), self.tables.failures[workflow]
        if run is None:
            return Last(None, None, None, failures)
        row = self.tables.runs[run].row
        return Last(run, row.started_at, last_output(reversed(self._journal(run))), failures)

    async def find(self, wanted: RunFilter) -> Sequence[RunRow]:
        """Runs for a list."""
        return self.tables.find(wanted)

    async def get(self, run: str) -> RunRow | None:
        """One run, by its id or by an unambiguous prefix of it."""
        entry = self.tables.runs.get(run)
        if entry is None and len(run) >= PREFIX:
            matching = [each for each in self.tables.runs.values() if each.row.id.startswith(run)]
            entry = matching[0] if len(matching) == 1 else None
        return entry.row if entry is not None else None

    async def live(self, *, after: str = "", most: int | None = None) -> Sequence[Claimed]:
        """Runs that are neither queued nor ended, oldest first."""
        rows = (entry for entry in self.tables.runs.values() if entry.row.state == "running" and entry.row.id > after)
        return [entry.claimed for entry in sorted(rows, key=lambda entry: entry.row.id)][:most]

    async def due(self, before: float, most: int) -> Sequence[Due]:
        """Parked places whose time has come, earliest first."""
        return self.tables.due(before, most)

    async def superseded(self) -> Sequence[str]:
        """Runs that are to be cancelled for newer ones and have not ended yet."""
        return sorted(entry.row.id for entry in self.tables.runs.values() if entry.superseded)

    async def asking(self, most: int, after: tuple[str, str] = ("", "")) -> Sequence[Due]:
        """Parked places that wait for an answer, those of the oldest runs first."""
        parked = sorted(self.tables.parked.items())
        asking = [Due(*at, park.due) for at, park in parked if park.callback is not None and at > after]
        return asking[: max(0, most)]

    async def horizon(self, before: str | None, runs: int) -> str | None:
        """The id of the run so many older than `before`, or than the newest."""
        older = sorted((run for run in self.tables.runs if before is None or run < before), reverse=True)
        return older[runs - 1] if len(older) >= runs else None

    async def queued(self, runs: Sequence[str]) -> Mapping[str, Queued]:
        """Why those of these runs that are queued wait, by id."""
        return {run: found for run in runs if (found := self.tables.why_queued(run)) is not None}

    async def counts(self) -> Mapping[str, int]:
        """Runs by state."""
        return Counter(entry.row.state for entry in self.tables.runs.values())

    # --------------------------------------------------------------------------------------------------------- Upkeep

    async def sweep(self, before: float, after: str = "") -> Swept:
        """Delete the runs that ended before `before`, all at once. Raises StoreDegradedError."""
        return await self._keep_up(lambda: sweep(self.tables, before, after))

    async def forget(self, now: float) -> bool:
        """Drop what has served, all of it. Raises StoreDegradedError."""
        return await self._keep_up(lambda: forget(self.tables, now))

    async def shrink(self) -> int:
        """There is nothing to give back."""
        return 0

    async def sizes(self) -> Sizes:
        """No file, only what waits."""
        return Sizes(0, 0, 0, self.waiting)

    async def _keep_up(self, work: Callable[[], Answer]) -> Answer:
        if self.degraded:
            raise StoreDegradedError("the disk refuses to write: nothing new starts")
        return await self._hand_over(work, new=True)
