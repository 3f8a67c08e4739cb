"""
Watch the workflows folder and give a new catalog whenever what stands in it has changed and come to rest.

    system's notices ─┐
    every 5 s ────────┴─► look ──Stillness──► read what counts ──build()──► Catalog ──► who iterates

The daemon opens `watch` and swaps in what comes out. Notices only say "look now"; where they see nothing (network
mounts, ConfigMap swaps) the comparison does. Files are read and built on a thread, so that a big reload does not hold
up the loop.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import anyio
import msgspec
import watchfiles
from anyio import to_thread
from anyio.abc import ObjectReceiveStream, ObjectSendStream

from runner.clock import Clock
from runner.definitions.catalog import EMPTY, Catalog, build
from runner.definitions.folder import changed_at, read, scan
from runner.definitions.specs import Specs
from runner.definitions.stillness import LONGEST, STILL, Signature, Stillness
from runner.errors import Problem
from runner.nudge import Nudge

COMPARE: Final = 5.0
"""Seconds between comparisons where no notice came."""


@asynccontextmanager
async def watch(
    folder: Path, specs: Specs, clock: Clock, previous: Catalog = EMPTY
) -> AsyncIterator[ObjectReceiveStream[Catalog]]:
    """
    The catalogs of a folder. The first waits for files that were written just now, a second at most: it is what has
    stood still by then, and what `previous` keeps in force.

    `previous` is the last good catalog of an earlier process, if there is one. Ends with the block.
    """
    watcher = Watcher(folder, specs, clock, previous)
    sender, receiver = anyio.create_memory_object_stream[Catalog](1)
    async with sender, receiver, anyio.create_task_group() as tasks:
        tasks.start_soon(watcher.run, sender)
        yield receiver
        tasks.cancel_scope.cancel()


class Watcher:
    """One folder and the catalog that was made of it."""

    def __init__(self, folder: Path, specs: Specs, clock: Clock, previous: Catalog = EMPTY) -> None:
        self.catalog = previous
        self._folder = folder
        self._specs = specs
        self._clock = clock
        self._stillness = Stillness()
        self._files: dict[str, bytes | Problem] = {}
        self._unreadable: str | None = None
        self._first = True
        self._nudge = Nudge(clock)

    async def run(self, catalogs: ObjectSendStream[Catalog]) -> None:
        """Look, hand on what is new, wait for a notice or for the time; forever."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._notices)
            await self._rest_first()
            while True:
                self._nudge.clear()
                catalog, wait = await self.look()
                if catalog is not None:
                    await catalogs.send(catalog)
                await self._nudge.rest(COMPARE if wait is None else wait)

    async def _rest_first(self) -> None:
        """Whoever writes a file and starts at once means that file too."""
        began = self._clock.monotonic()
        while self._clock.monotonic() - began < LONGEST:
            age = self._clock.wall() - await to_thread.run_sync(_newest, self._folder)
            if not 0 <= age < STILL:
                return
            await self._clock.sleep(STILL - age)

    async def look(self) -> tuple[Catalog | None, float | None]:
        """One comparison: the catalog if it is new, and the seconds after which to look again for files that move."""
        return await to_thread.run_sync(self._look)

    def _look(self) -> tuple[Catalog | None, float | None]:
        first, self._first = self._first, False
        try:
            signatures = scan(self._folder)
        except OSError as error:
            return self._lost(error, first=first), None
        found_again, self._unreadable = self._unreadable is not None, None
        now, wall = self._clock.monotonic(), self._clock.wall()
        old = {name for name, signature in signatures.items() if wall - changed_at(signature) >= STILL} if first else ()
        verdict = self._stillness.observe(signatures, now, old)
        again = False
        for name in verdict.count:
            if name not in signatures:
                self._files.pop(name, None)
            elif (content := read(self._folder, name, signatures[name])) is not None:
                self._files[name] = content
            else:
                again = True
                continue
            self._stillness.accept(name)
        if first:
            self._files |= self._kept(signatures)
        changed = first or found_again or bool(verdict.count)
        return (self._built(first=first) if changed else None), STILL if again else verdict.wait

    def _kept(self, signatures: Mapping[str, Signature]) -> dict[str, bytes]:
        """At the start, for files that still move: what an earlier process had read of them."""
        entries = {entry.file: entry for entry in self.catalog.entries.values()}
        missing = signatures.keys() - self._files.keys()
        return {name: entries[name].source.encode() for name in missing if name in entries}

    def _built(self, *, first: bool) -> Catalog | None:
        """A new catalog, or None where nothing came of it."""
        built = build(self.catalog, self._files, self._specs)
        if built == self.catalog and not first:
            return None
        self.catalog = built
        return built

    def _lost(self, error: OSError, *, first: bool) -> Catalog | None:
        """The folder is gone or closed: what was loaded stays in force, and that is told once."""
        reason = type(error).__name__
        if reason == self._unreadable and not first:
            return None
        self._unreadable = reason
        message = f"the workflows folder cannot be read ({reason}): what was loaded stays in force"
        doubt = Problem(message=message, file=str(self._folder))
        self.catalog = msgspec.structs.replace(self.catalog, doubts=(*self.catalog.doubts, doubt))
        return self.catalog

    async def _notices(self) -> None:
        """Pass on the system's notices; where there are none to be had, the comparison is all there is."""
        stop = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_at_the_end, stop)
            with suppress(OSError, RuntimeError):
                async for _ in watchfiles.awatch(
                    self._folder, watch_filter=None, debounce=50, step=20, recursive=False, stop_event=stop
                ):
                    self._nudge.set()


def _newest(folder: Path) -> float:
    """Wall time of the last change of a file in it."""
    try:
        return max(map(changed_at, scan(folder).values()), default=0.0)
    except OSError:  # the look that follows tells of it
        return 0.0


async def _at_the_end(stop: anyio.Event) -> None:
    """Tell the waiting thread of the end, which otherwise looks up every five seconds only."""
    try:
        await anyio.sleep_forever()
    finally:
        stop.set()
