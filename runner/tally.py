"""
Count what happens often, for nearly nothing: how many there were of each kind, and how long they took.

    observe(0.012) ──► one of a few buckets, a sum          `runner.daemon.measures` writes them out for Prometheus

The hot path adds two numbers; everything that costs more waits until somebody asks. A tally has one writer, the loop or
a thread, and may be read from elsewhere meanwhile.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0)
"""Upper bounds for what takes a moment or an hour."""

ITEMS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)
"""Upper bounds for how many there were at once."""


class Histogram:
    """How many values there were up to each bound, and their sum."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.sum = 0.0
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one more."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[float, int]]:
        """Each bound with the number of values up to it; the last bound is infinite."""
        found, total = [], 0
        for bound, count in zip((*self._bounds, float("inf")), list(self._counts), strict=True):
            total += count
            found.append((bound, total))
        return found


class Commits:
    """What a store's writer tells of its transactions: seconds of each, and how much went into it."""

    __slots__ = ("items", "seconds")

    def __init__(self) -> None:
        self.seconds = Histogram(SECONDS)
        self.items = Histogram(ITEMS)

    def observe(self, seconds: float, items: int) -> None:
        """One transaction is on disk."""
        self.seconds.observe(seconds)
        self.items.observe(items)
