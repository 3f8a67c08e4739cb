"""
A clock that stands still while there is something to do, then goes on to the next moment somebody waits for.

    sleep(3600) ──► waits …          pass_on(not later than) ──► wakes who was waiting longest for the nearest moment

`runner.rehearsal.stage` drives it: hours pass at once, and the same each time. Ticks, which begin anew when they are
over, do not hold it up: only sleepers of before the last thing that happened are waited for.
"""

from itertools import count

import anyio
from anyio.lowlevel import checkpoint


class SwiftClock:
    """A `runner.clock.Clock`; both times in seconds."""

    def __init__(self, wall: float) -> None:
        self._start = wall
        self._passed = 0.0
        self._order = count()
        self._mark = 0
        self._sleepers: dict[int, tuple[float, anyio.Event]] = {}

    def wall(self) -> float:
        """Seconds since 1970 UTC."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds that have passed."""
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Wait until so much has passed; 0 or less gives way once."""
        if seconds <= 0:
            await checkpoint()
            return
        number = next(self._order)
        event = anyio.Event()
        self._sleepers[number] = (self._passed + seconds, event)
        try:
            await event.wait()
        finally:
            self._sleepers.pop(number, None)

    def happened(self) -> None:
        """Something was done: who sleeps now is waited for."""
        self._mark = next(self._order)

    def pass_on(self, until: float | None) -> bool:
        """
        Go on to the next moment, that of a sleeper or `until` (wall time); False where nobody waits for one.
        """
        moments = [at for number, (at, _) in self._sleepers.items() if number < self._mark]
        if until is not None and until > self.wall():
            moments.append(until - self._start)
        if not moments:
            return False
        self._passed = max(self._passed, min(moments))
        for at, event in list(self._sleepers.values()):
            if at <= self._passed:
                event.set()
        return True
