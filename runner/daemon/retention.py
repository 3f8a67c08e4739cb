"""
Keep the store small while the daemon works: a pass now and then, each in slices that nobody waits for.

    every minute ──► sweep … ──► forget … ──► shrink …        a pause after each, for the commits of runs

`[runs] retention` says how long ended runs are kept. The wall clock decides what is old, so a clock that jumped forward
is not believed for an hour: a wrong date must not delete what people still look for. `runner.daemon.service` runs it.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from runner import log
from runner.clock import Clock
from runner.errors import StoreError
from runner.ports import Upkeep

EVERY: Final = 60.0
"""Seconds between two passes; shorter where retention itself is, so that "1m" is not "2m"."""

BETWEEN: Final = 0.01
"""Seconds that the writer has for others after each slice."""

STEP: Final = 60.0
DISBELIEF: Final = 3600.0
"""A wall clock that went ahead of the monotonic one by over a minute is not believed for so many seconds."""

_log = log.get("runner.retention")


class Retention:
    """What retention does for as long as a daemon lives. `retention`: seconds that ended runs are kept."""

    def __init__(self, store: Upkeep, clock: Clock, retention: float) -> None:
        self._store = store
        self._clock = clock
        self._retention = retention
        self._offset = clock.wall() - clock.monotonic()
        self._believed_from = clock.monotonic()

    async def watch(self) -> None:
        """Pass after pass, for as long as the block around it lives."""
        while True:
            await self._clock.sleep(min(EVERY, max(1.0, self._retention / 10)))
            try:
                await self.once()
            except StoreError as error:
                _log.warning("retention waits for the disk", error=str(error))

    async def once(self) -> int:
        """One pass: how many runs it deleted. Raises StoreError."""
        deleted = await self._sweep() if self._is_believable() else 0
        await self._until(lambda: self._store.forget(self._clock.wall()))
        given = await self._shrink()
        if deleted or given:
            sizes = await self._store.sizes()
            _log.info("old runs are deleted", runs=deleted, given_back=given, file=sizes.file, free=sizes.free)
        return deleted

    async def _sweep(self) -> int:
        before, after, deleted = self._clock.wall() - self._retention, "", 0
        while True:
            swept = await self._store.sweep(before, after)
            deleted += swept.runs
            if swept.after is None:
                return deleted
            after = swept.after
            await self._clock.sleep(BETWEEN)

    async def _shrink(self) -> int:
        given = 0

        async def slice_() -> int:
            nonlocal given
            some = await self._store.shrink()
            given += some
            return some

        await self._until(slice_)
        return given

    async def _until(self, slice_: Callable[[], Awaitable[object]]) -> None:
        while await slice_():
            await self._clock.sleep(BETWEEN)

    def _is_believable(self) -> bool:
        """Whether the wall clock may decide what is old: it has not jumped ahead within the last hour."""
        offset, now = self._clock.wall() - self._clock.monotonic(), self._clock.monotonic()
        if offset > self._offset + STEP:
            self._believed_from = now + DISBELIEF
            ahead = round(offset - self._offset)
            _log.warning("the clock went forward: retention waits an hour before it deletes by it", seconds=ahead)
        self._offset = offset
        return now >= self._believed_from
