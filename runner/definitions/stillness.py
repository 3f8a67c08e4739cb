"""
Which files of a folder have stood still long enough to count.

    looks at the folder ──Stillness.observe()──► names whose new content counts, how long to wait for the rest

A file that is being written is often valid YAML at each of its bytes, so a change counts once the file has not
changed for 300 ms; changes within that time count together. A file that never comes to rest does not hold back its
neighbours for longer than a second. Pure: `runner.definitions.watch` looks and reads, time is passed in.
"""

import math
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

STILL: Final = 0.3
"""Seconds that a file must not have changed before it counts (design §2.6)."""

LONGEST: Final = 1.0
"""Seconds that a file at rest waits for another that is not."""

_GRAIN: Final = 1e-6
"""What sums of floating point seconds may be off by."""

Signature = tuple[int, ...]
"""What of a file's metadata changes when its content does."""


class Verdict(msgspec.Struct, frozen=True):
    """`count`: names to read or drop now. `wait`: seconds until there may be more, None where nothing is on its way."""

    count: frozenset[str] = frozenset()
    wait: float | None = None


class Stillness:
    """Remembers what each file looked like, since when, and what of that was accepted."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Signature | None, float]] = {}
        self._accepted: dict[str, Signature] = {}

    def observe(self, signatures: Mapping[str, Signature], now: float, old: Collection[str] = ()) -> Verdict:
        """
        One look at the folder at monotonic time `now`; a name that is not in it is a file that is gone.

        `old` are files that have not changed for long by their own timestamps: one that is seen for the first time
        counts at once. What counts must be told to `accept`, else it counts again at the next look.
        """
        for name in self._seen.keys() | signatures.keys():
            signature = signatures.get(name)
            if name not in self._seen:
                self._seen[name] = signature, -math.inf if name in old else now
            elif self._seen[name][0] != signature:
                self._seen[name] = signature, now
        changed = {name: since for name, (found, since) in self._seen.items() if found != self._accepted.get(name)}
        moving = [since for since in changed.values() if now - since < STILL - _GRAIN]
        resting = frozenset(name for name, since in changed.items() if now - since >= STILL - _GRAIN)
        overdue = any(now - changed[name] >= STILL + LONGEST - _GRAIN for name in resting)
        wait = min((since + STILL - now for since in moving), default=None)
        return Verdict(resting if overdue or not moving else frozenset(), wait)

    def accept(self, name: str) -> None:
        """What the last look found of this file was read as a whole, or its absence was taken note of."""
        signature = self._seen[name][0]
        if signature is None:
            self._accepted.pop(name, None)
            del self._seen[name]
        else:
            self._accepted[name] = signature
