"""
How schedules and `run` triggers watch: look at what there is to do, rest, look again.

    keep_looking(nudge, look, "schedules wait")      forever; a store that refuses is told once, and tried again
"""

from collections.abc import Awaitable, Callable
from typing import Final

from runner import log
from runner.errors import StoreError
from runner.nudge import Nudge

_log = log.get("runner.triggers")

LONGEST: Final = 30.0
"""Seconds after which they look again all the same, so that a clock put forward is seen."""

AGAIN: Final = 5.0
"""Seconds until what could not be decided is tried again."""


async def keep_looking(nudge: Nudge, look: Callable[[], Awaitable[float]], trouble: str) -> None:
    """
    Never returns; to be cancelled. `look` gives the seconds until there may be more to do, or raises StoreError, of
    which `trouble` is the word in the log.
    """
    is_told = False
    while True:
        nudge.clear()
        try:
            pause = await look()
            is_told = False
        except StoreError as error:
            pause = AGAIN
            if not is_told:
                _log.warning(trouble, error=str(error))
            is_told = True
        await nudge.rest(pause)
