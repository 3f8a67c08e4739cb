"""
What a start does with the runs that an earlier process left.

    live runs of the store, oldest first, 100 at a time ──► LiveRuns.ready ──slot──► fold, `recovered`, go on

It streams them in beside triggers that are open already. A run that only waits stays in the store: its wake-up rows
find it. Called by `runner.engine.dispatcher`.
"""

import logging

from runner.engine.live import MOST_READY, LiveRuns
from runner.engine.services import Services
from runner.errors import StoreError

_log = logging.getLogger(__name__)

_PAUSE = 1.0
"""Seconds between two tries to read while the store does not answer."""


class Recovery:
    """The recovery of one start."""

    def __init__(self, services: Services, runs: LiveRuns) -> None:
        self._services = services
        self._runs = runs

    async def begin(self) -> int:
        """Learn what there is; how many runs are live."""
        self._runs.recovering = True
        return await self._runs.count()

    async def stream(self) -> None:
        """Bring every live run in that does not only wait."""
        after = ""
        while True:
            try:
                page = await self._services.store.live(after=after, most=MOST_READY)
            except StoreError as error:
                _log.warning("runs cannot be read and are not taken up yet: %s", error)
                await self._services.clock.sleep(_PAUSE)
                continue
            for each in page:
                after = each.run
                if not each.waiting and not self._runs.knows(each.run):
                    self._runs.cut_off.add(each.run)
                    self._runs.ready(each.run)
            if len(page) < MOST_READY:
                break
            await self._runs.handed_on()
        self._runs.recovering = False
        self._runs.nudge()
