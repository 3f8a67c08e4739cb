"""
Live news of runs, handed from the engine to whoever watches: losing it loses nothing.

    engine ──publish()──► News ──► Watch ──► async for event …          close(): every watch ends

A watch begins before its run is submitted, so that it misses nothing, and is narrowed to the run once its id is known.
Each holds a bounded number of events; of a reader that is too slow it drops the oldest and counts them, never the end.
"""

from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import anyio
import msgspec

from runner.events import About, AnyEvent, Ended, Expanded, Finished, Settled, Stored, encode

MOST_WAITING: Final = 10_000
MOST_READERS: Final = 50

EVENT_STREAM: Final = "text/event-stream"
"""What news are told as over HTTP: server-sent events."""


class Watch:
    """What one reader has not read yet. `lost` counts what was dropped since it was last asked."""

    def __init__(self) -> None:
        self.run: str | None = None
        self.lost = 0
        self._events: deque[tuple[str, AnyEvent]] = deque()
        self._arrived = anyio.Event()
        self._closed = False

    def narrow(self, run: str) -> None:
        """From now on only this run."""
        self.run = run
        self._events = deque(each for each in self._events if each[0] == run)

    def skip(self, told: Sequence[AnyEvent]) -> None:
        """Drop what is known already: the longest beginning of what waits that is the end of `told`."""
        waiting = [encode((without_values(event),)) for _, event in self._events]
        known = [encode((event,)) for event in told[-len(waiting) :]] if waiting else []
        for many in range(len(known), 0, -1):
            if waiting[:many] == known[-many:]:
                for _ in range(many):
                    self._events.popleft()
                return

    def push(self, run: str, event: AnyEvent) -> None:
        """Take an event in, where it is of the run."""
        if self.run is not None and run != self.run:
            return
        if len(self._events) >= MOST_WAITING:
            if isinstance(self._events[0][1], Ended):
                return
            self._events.popleft()
            self.lost += 1
        self._events.append((run, event))
        self._arrived.set()

    def close(self) -> None:
        """What is here is still read, then the reader's loop ends."""
        self._closed = True
        self._arrived.set()

    async def changed(self) -> bool:
        """Come back when something has arrived since it was last asked, and forget it; False where the news closed."""
        if not self._events and not self._closed:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        self._events.clear()
        self.lost = 0
        return not self._closed

    async def __aiter__(self) -> AsyncIterator[AnyEvent]:
        """The events in order, until the news close."""
        while True:
            while self._events:
                yield self._events.popleft()[1]
            if self._closed:
                return
            self._arrived = anyio.Event()
            await self._arrived.wait()


class Readers:
    """How many read the events of all runs: each asks the store now and then, so that there are never too many."""

    def __init__(self, most: int = MOST_READERS) -> None:
        self._left = most

    def enter(self) -> bool:
        """One more, if there may be."""
        if not self._left:
            return False
        self._left -= 1
        return True

    def leave(self) -> None:
        """One less."""
        self._left += 1


class News:
    """A `runner.ports.EventSink` that others can watch."""

    def __init__(self) -> None:
        self.count = 0
        """Of the events that were published."""
        self.is_closed = False
        self.readers = Readers()
        self._watches: set[Watch] = set()
        self._bell: anyio.Event | None = None

    def publish(self, run: str, workflow: str, event: AnyEvent, about: About) -> None:  # noqa: ARG002  the port's shape
        """Hand on; never waits, never raises."""
        self.count += 1
        self._ring()
        for watch in self._watches:
            watch.push(run, event)

    async def rest(self, seconds: float, count: int) -> None:
        """Come back when there is more than `count` events, when the news close, or after so long."""
        if self.count == count and not self.is_closed:
            bell = self._bell = self._bell or anyio.Event()
            with anyio.move_on_after(seconds):
                await bell.wait()

    def _ring(self) -> None:
        if self._bell is not None:
            self._bell.set()
            self._bell = None

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """A watch over every run, until it is narrowed."""
        watch = Watch()
        self._watches.add(watch)
        if self.is_closed:
            watch.close()
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    def close(self) -> None:
        """End every watch: the daemon stops."""
        self.is_closed = True
        self._ring()
        for watch in self._watches:
            watch.close()


def without_values(event: AnyEvent) -> AnyEvent:
    """The event as a watcher needs it: what an action got stays in the journal."""
    match event:
        case Finished() | Settled():
            return msgspec.structs.replace(event, value=None)
        case Expanded():
            return msgspec.structs.replace(event, items=Stored())
        case Ended():
            return msgspec.structs.replace(event, output=None, response=None)
    return event
