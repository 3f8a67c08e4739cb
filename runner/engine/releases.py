"""
Tell those who wait for a run that it left memory: it has ended, or lies in the store.

    Dispatcher.wait, .end ──of(run)──► Release ◄──announce(run, Ended)── LiveRuns
"""

import anyio

from runner.events import Ended


class Release:
    """What one who waits for a run is told. `ended`: how, where it went through memory to its end."""

    def __init__(self) -> None:
        self.ended: Ended | None = None
        self._told = anyio.Event()

    def tell(self, ended: Ended | None = None) -> None:
        """Wake whoever waits."""
        self.ended = ended
        self._told.set()

    async def wait(self) -> None:
        """Come back when it was told."""
        await self._told.wait()


class Releases:
    """Who waits for which run."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Release]] = {}

    def of(self, run: str) -> Release:
        """Told at the next announcement of the run."""
        release = Release()
        self._waiting.setdefault(run, []).append(release)
        return release

    def announce(self, run: str, ended: Ended | None = None) -> None:
        """Tell whoever waits for the run; `ended`: how, and that it is on disk."""
        for release in self._waiting.pop(run, ()):
            release.tell(ended)
