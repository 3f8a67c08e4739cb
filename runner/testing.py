"""
Fakes for tests of Runner and of what people build on it: product code, so that users may use them too.

    FakeClock ── sleep(5) ──► waits …            advance(5) ──► wakes who is due, the earliest first
    FakeDestinations ──► secrets that are bound to origins, without a vault

Nothing of the daemon imports this module. A fake keeps its port's whole contract and adds what a test needs to drive
it.
"""

import heapq
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Final

import anyio
from anyio.lowlevel import checkpoint

from runner.origins import Origin

TURNS: Final = 10
"""Turns of the event loop that a woken sleeper gets before the clock moves on."""


class FakeClock:
    """
    A `runner.clock.Clock` that moves only when a test says so.

    `wall` starts at 2023-11-14T22:13:20Z unless told otherwise, `monotonic` at 0. Both in seconds.
    """

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._wall = wall
        self._monotonic = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, anyio.Event]] = []
        self._fell_asleep = anyio.Event()

    def wall(self) -> float:
        """Seconds since 1970 UTC, as the test has set it."""
        return self._wall

    def monotonic(self) -> float:
        """Seconds that the clock was advanced by."""
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced by `seconds`; 0 or less gives way once."""
        if seconds <= 0:
            await checkpoint()
            return
        sleeper = (self._monotonic + seconds, next(self._order), anyio.Event())
        heapq.heappush(self._sleepers, sleeper)
        self._fell_asleep.set()
        try:
            await sleeper[2].wait()
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
                heapq.heapify(self._sleepers)

    @property
    def sleepers(self) -> int:
        """How many sleep now."""
        return len(self._sleepers)

    @property
    def next_wake(self) -> float | None:
        """Seconds until the earliest sleeper is due; None where nobody sleeps."""
        return self._sleepers[0][0] - self._monotonic if self._sleepers else None

    async def sleeping(self, least: int = 1) -> None:
        """Come back when at least so many sleep: the signal that what is tested has come to its wait."""
        while len(self._sleepers) < least:
            self._fell_asleep = anyio.Event()
            await self._fell_asleep.wait()

    async def advance(self, seconds: float) -> None:
        """
        Let `seconds` pass on both clocks.

        Each sleeper wakes at its own instant, the earliest first, and gets a few turns of the loop there: one that
        sleeps again within the time is woken again.
        """
        end = self._monotonic + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, event = heapq.heappop(self._sleepers)
            self._move_to(due)
            event.set()
            for _ in range(TURNS):
                await checkpoint()
        self._move_to(end)

    def step(self, seconds: float) -> None:
        """Set the wall clock forward or back, as NTP or an operator does; nobody wakes."""
        self._wall += seconds

    def _move_to(self, monotonic: float) -> None:
        self._wall += monotonic - self._monotonic
        self._monotonic = monotonic


class FakeDestinations:
    """Where secrets may go: `origins` of the bound ones by name. `went` holds each name and origin that was sent."""

    def __init__(self, origins: Mapping[str, Sequence[Origin]] | None = None) -> None:
        self.origins = dict(origins or {})
        self.went: list[tuple[str, str]] = []
        self.stayed: list[tuple[str, str]] = []

    async def bound(self, names: frozenset[str], data: Sequence[bytes] = ()) -> Mapping[str, Sequence[Origin]]:  # noqa: ARG002  it knows no values
        """Those of `names` that are bound."""
        return {name: self.origins[name] for name in sorted(names & self.origins.keys())}

    def sent(self, names: frozenset[str], to: str) -> None:
        """Kept in `went`."""
        self.went += [(name, to) for name in sorted(names)]

    def refused(self, secret: str, to: str, workflow: str) -> None:  # noqa: ARG002  it knows one workflow
        """Kept in `stayed`."""
        self.stayed.append((secret, to))
