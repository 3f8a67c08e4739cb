"""
Wake parked runs when their rows are due.

    parked rows of the store ──due──► wake(run, place)

One task for all of them: it sleeps until the earliest row, or until something new was parked (`nudge`). The rows stay
in the store until the run itself takes them away with its next append, so a kill between loses no wake-up.
"""

from collections.abc import Callable

from runner.clock import Clock
from runner.errors import StoreError
from runner.nudge import Nudge
from runner.ports import Store

_LOOK_AHEAD = 3600.0
_MOST = 1000
_PAUSE = 5.0
"""Seconds between looks while the store does not answer, or while more rows are due than one look reads."""


LONGEST_REST = 30.0
"""Seconds after which it looks again all the same: the wall clock may have been set forward in between."""


class Wakeups:
    """The watch over parked rows."""

    def __init__(self, store: Store, clock: Clock, wake: Callable[[str, str], None]) -> None:
        self._store = store
        self._clock = clock
        self._wake = wake
        self._nudge = Nudge(clock)
        self._woken: set[tuple[str, str, float]] = set()

    def nudge(self) -> None:
        """Something was parked or signalled: look again."""
        self._nudge.set()

    async def watch(self) -> None:
        """Wake what is due, for as long as the block around it lives."""
        while True:
            self._nudge.clear()
            pause = await self._look()
            await self._nudge.rest(min(pause, LONGEST_REST))

    async def _look(self) -> float:
        now = self._clock.wall()
        try:
            rows = await self._store.due(now + _LOOK_AHEAD, _MOST)
        except StoreError:
            return _PAUSE
        self._woken &= {(row.run, row.place, row.due or 0.0) for row in rows}
        for row in rows:
            key = (row.run, row.place, row.due or 0.0)
            if row.due is not None and row.due > now:
                return min(row.due - now, _LOOK_AHEAD)
            if key not in self._woken:
                self._woken.add(key)
                self._wake(row.run, row.place)
        return _PAUSE if len(rows) == _MOST else _LOOK_AHEAD
