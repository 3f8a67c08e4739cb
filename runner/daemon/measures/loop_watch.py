"""
How late the event loop comes to what is due, and which action held it meanwhile.

    loop:   beat ── a tenth of a second ──► beat ── …        how late a beat is: the lag
    thread: no beat for too long ──► the task that the loop is in ──► workflow and action, by the task's name

One loop serves all runs, so that one action which computes too long delays the others: this says which. The thread only
reads; it ends with the block.
"""

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio

from runner import log
from runner.clock import Clock
from runner.engine.doing import read_name
from runner.tally import SECONDS, Histogram

BEAT_SECONDS: Final = 0.1
STALL_SECONDS: Final = 0.05
"""How late a beat is a stall, which is laid at somebody's door."""

SAID_SECONDS: Final = 1.0
"""How long a stall is that the log tells of."""

MOST_CULPRITS: Final = 200
_NOBODY: Final = ("", "")

_log = log.get("runner.daemon")


class LoopWatch:
    """Lag and stalls of one loop. `stalls` and `stalled` count and sum them by workflow and action; empty: no run's."""

    def __init__(self, clock: Clock) -> None:
        self.lag = Histogram(SECONDS)
        self.stalls: Counter[tuple[str, str]] = Counter()
        self.stalled: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = float("inf")
        self._seen: tuple[str, str] | None = None
        self._over = threading.Event()

    async def beat(self) -> None:
        """Never returns; to be cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._seen, self._due = None, self._clock.monotonic() + BEAT_SECONDS
            await self._clock.sleep(BEAT_SECONDS)
            lag = max(0.0, self._clock.monotonic() - self._due)
            self.lag.observe(lag)
            if lag > STALL_SECONDS:
                self._count(self._culprit(), lag)

    def look(self) -> None:
        """From another thread: note who holds the loop, where a beat is overdue."""
        if self._seen is None and self._loop is not None and self._clock.monotonic() - self._due > STALL_SECONDS:
            task = asyncio.current_task(self._loop)
            self._seen = None if task is None else read_name(task.get_name()) or _NOBODY

    def watch(self) -> None:
        """In a thread, until `stop`."""
        while not self._over.wait(STALL_SECONDS / 2):
            self.look()

    def _culprit(self) -> tuple[str, str]:
        """Whom the thread saw; asked anew, since it looked meanwhile."""
        return self._seen or _NOBODY

    def stop(self) -> None:
        """End the thread."""
        self._over.set()

    def _count(self, culprit: tuple[str, str], lag: float) -> None:
        known = culprit if culprit in self.stalls or len(self.stalls) < MOST_CULPRITS else _NOBODY
        self.stalls[known] += 1
        self.stalled[known] += lag
        if lag > SAID_SECONDS:
            _log.warning("the event loop was held up", seconds=round(lag, 3), workflow=culprit[0], action=culprit[1])


@asynccontextmanager
async def watch_loop(clock: Clock) -> AsyncIterator[LoopWatch]:
    """A watch over the running loop, as long as the block lasts."""
    watch = LoopWatch(clock)
    thread = threading.Thread(target=watch.watch, name="runner-loop-watch", daemon=True)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch.beat)
        thread.start()
        try:
            yield watch
        finally:
            watch.stop()
            tasks.cancel_scope.cancel()
    thread.join()
