"""
The runs that are accepted and lie queued in the store: about how many there are, and which this process has claimed.

    arrived() ──► number + 1 ──slot free──► claim() ──► runs that are running from now on

How many is a guess that may be too high, and is set right by a look at the store whenever a claim gets none. Held by
`runner.engine.live`, which takes up what is claimed; no slot is counted in here.
"""

import logging

from runner.errors import StoreError
from runner.ports import Claimed, Store

_log = logging.getLogger(__name__)


class QueuedRuns:
    """What is queued. `number` is at least that of the runs that wait for a slot; with those that a limit holds."""

    def __init__(self, store: Store) -> None:
        self.number = 0
        self._store = store
        self._blocked = False
        self._arrivals = 0
        self._claimed: set[str] = set()

    @property
    def may_go(self) -> bool:
        """Whether a claim may get some."""
        return self.number > 0 and not self._blocked

    def arrived(self, *, is_held: bool) -> None:
        """One more run is queued; one that its limit does not hold found no slot, and there may be one by now."""
        self.number += 1
        self._arrivals += 1
        if not is_held:
            self._blocked = False

    def unblock(self) -> None:
        """A run has left: a limit may let others go."""
        self._blocked = False

    async def claim(self, most: int) -> list[Claimed]:
        """Up to `most` queued runs that their limits let go; they are this process's to take up."""
        before = self._arrivals
        claimed: list[Claimed] = []
        try:
            claimed = list(await self._store.claim(self._store.boot, most))
        except StoreError as error:
            _log.warning("queued runs cannot be taken up: %s", error)
        self.number -= len(claimed)
        self._blocked = not claimed and self._arrivals == before
        if self._blocked:
            await self.count()
        self._claimed.update(each.run for each in claimed)
        return claimed

    async def count(self) -> int:
        """Learn how many runs are queued; says how many are running."""
        before = self._arrivals
        counts = await self._store.counts()
        self.number = counts.get("queued", 0) + self._arrivals - before  # too many is mended by the next claim
        return counts.get("running", 0)

    def taken_up(self, run: str) -> bool:
        """Whether the run, which now begins or goes on, was claimed by this process and so never was cut off."""
        was_claimed = run in self._claimed
        self._claimed.discard(run)
        return was_claimed
