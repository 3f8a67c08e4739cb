"""
What time it is, passed in and never asked of the system in the middle of a decision.

Durations are measured on the monotonic clock; deadlines that outlive the process are written in wall time (design
§2.13). `SystemClock` is the real one; `runner.testing.FakeClock` moves only when a test says so. The composition root
hands one clock to everything that needs it.
"""

import time
from datetime import UTC, datetime
from typing import Protocol

import anyio


class Clock(Protocol):
    """Wall time, monotonic time and waiting."""

    def wall(self) -> float:
        """Seconds since 1970 UTC; may step."""

    def monotonic(self) -> float:
        """Seconds since some instant; never steps."""

    async def sleep(self, seconds: float) -> None:
        """Come back after `seconds` of monotonic time; 0 or less gives way once."""


class SystemClock:
    """The machine's clock."""

    def wall(self) -> float:
        """Seconds since 1970 UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since the machine's start."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await anyio.sleep(max(0.0, seconds))


def iso(wall: float) -> str:
    """Wall time as ISO 8601 in UTC with milliseconds, as it stands in journals, logs and `$run.started_at`."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
