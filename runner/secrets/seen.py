"""
When each secret was resolved last, and for which hosts: kept in memory, on disk a few seconds later.

    Resolver ──resolved()──┐
    executors ──sent()─────┴─► Seen by name ──every few seconds, and at the end──► runner-seen.json beside the vault

Nobody waits for it: a kill loses the last few seconds. It holds names, times and origins, never a value. It lies in a
file of its own, so that neither the vault's cache nor the journal has to do with it. `runner.daemon` opens it;
`runner.secrets.usage` is what people are shown of it.
"""

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import msgspec

from runner import log
from runner.clock import Clock

EVERY: Final = 5.0
"""Seconds between two writes."""

HOSTS: Final = 50
"""Origins that are remembered of one secret: those that it was sent to last."""

_log = log.get("runner.secrets")


class Seen(msgspec.Struct):
    """Of one secret: when it was resolved last (wall seconds, 0: never), and when it was sent to which origin."""

    last_resolved: float = 0.0
    hosts: dict[str, float] = {}


class Sightings:
    """What was seen of all secrets."""

    def __init__(self, clock: Clock, known: Mapping[str, Seen] | None = None) -> None:
        self._clock = clock
        self._seen = dict(known or {})
        self._changed = False

    def of_all(self) -> Mapping[str, Seen]:
        """By name."""
        return self._seen

    def resolved(self, names: Iterable[str]) -> None:
        """These were handed to an action now."""
        now = self._clock.wall()
        for name in names:
            self._of(name).last_resolved = now

    def sent(self, names: Iterable[str], to: str) -> None:
        """Something made of these was sent there now: an origin in which nothing is secret."""
        now = self._clock.wall()
        for name in names:
            hosts = self._of(name).hosts
            hosts.pop(to, None)
            hosts[to] = now
            if len(hosts) > HOSTS:
                del hosts[next(iter(hosts))]

    def encode(self) -> bytes | None:
        """What is to be written; None where nothing is new since it was asked for last."""
        if not self._changed:
            return None
        self._changed = False
        return msgspec.json.encode(self._seen)

    def _of(self, name: str) -> Seen:
        self._changed = True
        return self._seen.setdefault(name, Seen())


def seen_path(vault: Path) -> Path:
    """Where it lies: `runner-seen.json` beside `runner.db`."""
    return vault.with_name(f"{vault.stem}-seen.json")


def read_seen(path: Path) -> Mapping[str, Seen]:
    """What was kept; nothing where there is none, or none that can be read: it is worth no failed start."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Seen])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        _log.warning("when secrets were used is forgotten", path=str(path), error=type(error).__name__)
        return {}


@asynccontextmanager
async def open_seen(path: Path, clock: Clock) -> AsyncIterator[Sightings]:
    """What was seen before and is seen within the block, written at its end; `keep_flushed` writes it meanwhile."""
    sightings = Sightings(clock, await anyio.to_thread.run_sync(read_seen, path))
    try:
        yield sightings
    finally:
        with anyio.CancelScope(shield=True):
            await flush(path, sightings)


async def flush(path: Path, sightings: Sightings) -> None:
    """Write what is new; a disk that refuses is said in the log and tried again after the next change."""
    data = sightings.encode()
    if data is not None:
        try:
            await anyio.to_thread.run_sync(_write, path, data)
        except OSError as error:
            _log.warning("when secrets were used is not kept", path=str(path), error=error.strerror)


async def keep_flushed(path: Path, sightings: Sightings, clock: Clock) -> None:
    """Write what is new every few seconds, for as long as the block around it lives."""
    while True:
        await clock.sleep(EVERY)
        await flush(path, sightings)


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
    fresh.replace(path)
