"""
Rest until a time or until somebody says that there is something to do.

    while True: nudge.clear(); look; await nudge.rest(seconds)

Whatever happens between `clear` and `rest` is not lost: the rest is then over at once. The watches of the engine, of
triggers and of the workflows folder rest with it.
"""

import anyio

from runner.clock import Clock


class Nudge:
    """A signal that outlasts the look during which it came."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = anyio.Event()

    def set(self) -> None:
        """There is something to do."""
        self._event.set()

    def clear(self) -> None:
        """What was told so far is about to be looked at."""
        self._event = anyio.Event()

    async def rest(self, seconds: float) -> None:
        """Come back after so many seconds, or at the next signal."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._timer, seconds, tasks.cancel_scope)
            await self._event.wait()
            tasks.cancel_scope.cancel()

    async def _timer(self, seconds: float, scope: anyio.CancelScope) -> None:
        await self._clock.sleep(seconds)
        scope.cancel()
