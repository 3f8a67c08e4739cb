"""
Tell those who wait for a run that it left memory: it has ended, or lies in the store.

    Dispatcher.wait ──of(run)──► event ◄──announce(run)── LiveRuns
"""

import anyio


class Releases:
    """Who waits for which run."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[anyio.Event]] = {}

    def of(self, run: str) -> anyio.Event:
        """Set at the next announcement of the run."""
        event = anyio.Event()
        self._waiting.setdefault(run, []).append(event)
        return event

    def announce(self, run: str) -> None:
        """Tell whoever waits for the run."""
        for event in self._waiting.pop(run, []):
            event.set()
