"""
Delete old rows of `runner_effects`, behind the attempts' backs and in small steps.

    an attempt was carried out ──► clean_later(pool) ──► at most once an hour: delete 1,000, pause, delete 1,000, …

A row is old when no run that made it can be carried on any more: twice the time that ended runs are kept, 60 days at
least. What fails here fails nothing else; the next hour tries again. `runner.executors.sql.executor` calls it.
"""

import logging
import math
import time
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

import anyio
from anyio.abc import TaskGroup

from runner.errors import ActionError
from runner.executors.sql.driver import StaleStatementError
from runner.executors.sql.effects import SLICE, Effects
from runner.executors.sql.pools import Pool

EVERY: Final = 3600.0
"""Seconds between two cleanings of one database."""

LEAST: Final = 60
"""Days that a row is kept at least."""

PAUSE: Final = 1.0
"""Seconds between two slices."""

_DAY: Final = 86400.0
_log = logging.getLogger(__name__)


class Cleaner:
    """When which database was cleaned last. `retention`: seconds that an ended run may be carried on."""

    def __init__(self, group: TaskGroup, retention: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.days = max(LEAST, math.ceil(2 * retention / _DAY))
        self._group = group
        self._monotonic = monotonic
        self._last: WeakKeyDictionary[Pool, float] = WeakKeyDictionary()

    def clean_later(self, pool: Pool, effects: Effects) -> None:
        """Start cleaning unless that was done within the hour."""
        now = self._monotonic()
        if now - self._last.get(pool, -math.inf) >= EVERY:
            self._last[pool] = now
            self._group.start_soon(self._clean, pool, effects)

    async def _clean(self, pool: Pool, effects: Effects) -> None:
        try:
            deleted = SLICE
            while deleted == SLICE:
                deleted = await self._slice(pool, effects)
                await anyio.sleep(PAUSE)
        except ActionError as error:
            _log.warning("old rows of runner_effects are not deleted: %s", error)
        except StaleStatementError:
            _log.info("old rows of runner_effects are deleted an hour later: the server lost the statement")

    async def _slice(self, pool: Pool, effects: Effects) -> int:
        async with pool.session() as session:
            try:
                return await effects.delete_old(session, self.days)
            except BaseException:
                session.is_usable = False
                raise
