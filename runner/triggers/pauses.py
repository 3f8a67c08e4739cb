"""
Which workflows' triggers are paused: durable, and known here without asking the store at each request.

    runner workflows pause ──► Pauses.pause ──► store, then memory ──► schedules, requests, `run` triggers look here

Whatever is paused can be started by hand. What a schedule missed follows its `catch_up` once it is resumed.
"""

from collections.abc import Callable, Mapping

from runner.errors import RefusedError
from runner.ports import Firings
from runner.records import Paused


class Pauses:
    """The pauses of one daemon; made by `load`."""

    def __init__(self, firings: Firings, paused: Mapping[str, Paused]) -> None:
        self._firings = firings
        self._paused = dict(paused)
        self._followers: list[Callable[[], None]] = []

    @staticmethod
    async def load(firings: Firings) -> "Pauses":
        """What earlier processes paused. Raises StoreError."""
        return Pauses(firings, await firings.paused())

    def __contains__(self, workflow: str) -> bool:
        return workflow in self._paused

    def get(self, workflow: str) -> Paused | None:
        """Since when and by whom."""
        return self._paused.get(workflow)

    def follow(self, follower: Callable[[], None]) -> None:
        """Call `follower` whenever something was paused or resumed."""
        self._followers.append(follower)

    async def pause(self, workflow: str, by: str) -> Paused:
        """Durable when it returns; who paused first stays. Raises StoreDegradedError."""
        await self._firings.pause(workflow, by)
        await self._read()
        return self._paused[workflow]

    async def resume(self, workflow: str) -> None:
        """Durable when it returns. Raises RefusedError where it was not paused, StoreDegradedError."""
        if workflow not in self._paused:
            raise RefusedError(f"{workflow} is not paused", reason="not_paused")
        await self._firings.resume(workflow)
        await self._read()

    async def _read(self) -> None:
        self._paused = dict(await self._firings.paused())
        for follower in self._followers:
            follower()
