"""
The one thread that writes: takes all that waits, commits it at once, wakes the event loop once.

    append(), call() ──► queue ──► begin immediate · Batch.apply · commit ──► one wake-up ──► promises are settled
                           ▲                      │ the disk refuses
                           └── appends are kept ◄─┴─► rolled back, backed off, `degraded`; jobs are refused

While a batch commits the next one gathers; there is no timer (engine, Rule 3). Outcomes of runs are never refused: they
wait here until the disk can. Made by `runner.store.sqlite`; all but `_run` and what it calls belongs to the loop.
"""

import asyncio
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final

import anyio

from runner.errors import StoreDegradedError, StoreError
from runner.ports import Admission, Append
from runner.store.batch import Apart, Batch, Item, Job, Outcome
from runner.store.bounds import MOST_WAITING
from runner.store.migrate import APPLICATION
from runner.store.pending import Pending
from runner.tally import Commits

MOST_AT_ONCE: Final = 2_000
"""Items of one transaction: what the next ones wait for is then tens of milliseconds."""

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0
"""Seconds between two tries while the disk refuses; the pause doubles."""

PROBE: Final = f"pragma application_id = {APPLICATION}"
"""Whether the disk takes writes again. It changes nothing and yet writes a page, which an update to the same value does
not: SQLite compares the row, and a commit without a page goes through on the fullest disk."""

log = logging.getLogger(__name__)


class Writer:
    """
    Commits what it is given. `degraded`: the disk refuses. `connection` belongs to the thread from `start` on, and so
    does `commits` but for reading.

    Use it between `start` and `close`, from the event loop that started it.
    """

    def __init__(self, connection: sqlite3.Connection, batch: Batch) -> None:
        self.degraded = False
        self.commits = Commits()
        self._connection = connection
        self._batch = batch
        self._queue: SimpleQueue[Item] = SimpleQueue()
        self._closing = threading.Event()
        self._waiting = 0
        self._closed: Pending[None] = Pending()
        self._thread = threading.Thread(target=self._run, name="runner-store", daemon=True)

    def start(self) -> None:
        """Begin to write, on behalf of the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Appends, admissions and jobs that were handed over and have not ended."""
        return self._waiting

    def append(self, append: Append) -> Pending[None]:
        """Hand over an append. Never refused while the store is open, whatever the disk does."""
        return self._hand_over(append)

    def call(self, work: Job | Admission | Apart) -> Pending[Any]:
        """
        Hand over an admission, or a job, which runs in the thread within a transaction or `Apart` from any.

        Fails with StoreDegradedError where the disk refuses or too much waits for it.
        """
        if self.degraded or self._waiting > MOST_WAITING:
            refused: Pending[Any] = Pending()
            refused.fail(StoreDegradedError("the disk refuses to write or is too slow: nothing new starts"))
            return refused
        return self._hand_over(work)

    async def written(self) -> None:
        """Come back when everything handed over so far is on disk, or cannot be while the disk refuses."""
        if self._waiting and not self.degraded:
            try:
                await self._hand_over(lambda _: None)
            except StoreError:
                return

    async def close(self) -> None:
        """Write what waits and end the thread. What the disk refuses then fails with StoreDegradedError."""
        with anyio.CancelScope(shield=True):
            if not self._closing.is_set():
                self._closing.set()
                self._queue.put(Item(None, Pending()))
            await self._closed
        self._thread.join()

    def _hand_over(self, work: Any) -> Pending[Any]:
        pending: Pending[Any] = Pending()
        if self._closing.is_set():
            pending.fail(StoreError("the store is closed"))
            return pending
        self._waiting += 1
        self._queue.put(Item(work, pending))
        return pending

    def _settle(self, outcomes: list[Outcome]) -> None:
        self._waiting -= len(outcomes)
        for pending, answer, error in outcomes:
            pending.settle(answer, error)

    # --------------------------------------------------------------------------------------------- in the thread alone

    def _run(self) -> None:
        kept: deque[Item] = deque()
        pause = FIRST_PAUSE
        while not (self._closing.is_set() and not kept and self._queue.empty()):
            batch = self._gather(kept)
            try:
                outcomes = self._commit(batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, what waits is kept and tried again
                self._keep(batch, kept, error)
                if self._closing.is_set():
                    self._lose(kept)
                self._closing.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                pause = FIRST_PAUSE
                self._mended()
                self._wake(outcomes)
        self._connection.close()
        self._on_loop(self._closed.settle, None)

    def _gather(self, kept: deque[Item]) -> list[Item]:
        """What goes into the next transaction; waits for the first where nothing is kept."""
        if not kept and not self.degraded:
            kept.append(self._queue.get())
        for _ in range(min(self._queue.qsize(), MOST_AT_ONCE - len(kept))):
            kept.append(self._queue.get())
        batch = [kept.popleft() for _ in range(min(len(kept), MOST_AT_ONCE))]
        return [item for item in batch if item.work is not None]

    def _commit(self, batch: list[Item]) -> list[Outcome]:
        if not batch and not self.degraded:
            return []
        began = time.monotonic()
        try:
            self._connection.execute("begin immediate")
            if self.degraded:
                self._connection.execute(PROBE)
            outcomes = self._batch.apply(self._connection, batch)
            self._connection.execute("commit")
            self.commits.observe(time.monotonic() - began, len(batch))
            outcomes += self._batch.apart(self._connection, batch)
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            raise
        return outcomes

    def _keep(self, batch: list[Item], kept: deque[Item], error: Exception) -> None:
        """Appends wait in their order; everything else that waits is refused, since nothing new starts."""
        said = str(error) if isinstance(error, sqlite3.Error) else type(error).__name__
        if not self.degraded:
            log.warning("the store cannot write (%s): nothing new starts, outcomes wait in memory", said)
        self.degraded = True
        waiting = [*batch, *kept, *(self._queue.get() for _ in range(self._queue.qsize()))]
        kept.clear()
        kept.extend(item for item in waiting if isinstance(item.work, Append))
        jobs = [item.pending for item in waiting if not isinstance(item.work, Append | None)]
        self._wake([Outcome(job, error=StoreDegradedError(f"the disk refuses to write: {said}")) for job in jobs])

    def _lose(self, kept: deque[Item]) -> None:
        error = StoreDegradedError("the store was closed while the disk refused to write")
        self._wake([Outcome(item.pending, error=error) for item in kept])
        kept.clear()

    def _mended(self) -> None:
        if self.degraded:
            self.degraded = False  # before it is said: who reads that comes at once
            log.warning("the store can write again")

    def _wake(self, outcomes: list[Outcome]) -> None:
        if outcomes:
            self._on_loop(self._settle, outcomes)

    def _on_loop(self, callback: Callable[..., None], argument: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, argument)
        except RuntimeError:  # the loop has ended without closing the store; nobody is left to hear it
            log.error("the store's event loop has ended before the store was closed")  # noqa: TRY400 - no traceback helps
