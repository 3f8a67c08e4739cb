"""
A process whose disk refuses to write beyond a size: `python -m tests.integration.store.refusing PATH mended|left`.

The kernel refuses (RLIMIT_FSIZE), so this is a process of its own. `mended`: the disk takes writes again before the end;
`left`: the store is closed while it refuses. Ends with status 0 where everything held.
"""

import resource
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.errors import StoreDegradedError
from runner.ports import Blob, RunFilter
from runner.store.pending import Pending
from runner.store.sqlite import SqliteStore, open_store
from tests.contracts.store.made import admission, admit, append, claim, ended

ROOM = 100_000


def allow(size: int) -> None:
    """Let files of this process grow to `size` bytes; -1: as far as they like."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, -1))


async def fill(store: SqliteStore) -> None:
    """Accept big runs until that is refused."""
    for number in range(5, 1000):
        big: dict[str, Any] = {"definition": b"x" * ROOM, "revision": str(number)}
        await store.admit(admission(f"run-{number}", boot=store.boot, **big))


async def refuse(store: SqliteStore, path: Path) -> list[Pending[None]]:
    """Bring the store to where the disk refuses; returns the promises that then wait."""
    assert await admit(store, "run-1", "run-2", "run-3") == ["running"] * 3
    assert await admit(store, "run-4", start=False) == ["queued"]
    allow(path.with_name(path.name + "-wal").stat().st_size + ROOM)
    promises = [store.append(append("run-1", seq, blobs=(Blob(seq, b"x" * ROOM),))) for seq in range(2, 6)]
    promises += [store.append(ended("run-2", 2)), store.append(append("run-3", 2))]
    with pytest.raises(StoreDegradedError, match=r"^the disk refuses to write: "):
        await fill(store)
    return promises


async def main(path: Path, end: str) -> None:
    """Refuse, look, and mend or leave."""
    async with open_store(path) as store:
        promises = await refuse(store, path)
        assert store.degraded
        assert not promises[-1].done(), "an outcome is never refused"
        assert "run-1" in [row.id for row in await store.find(RunFilter())], "lists answer from what is on disk"
        for refused in (admit(store, "run-9999"), claim(store)):
            with pytest.raises(StoreDegradedError):
                await refused
        if end == "mended":
            allow(-1)
            for promise in promises:
                await promise
            assert await admit(store, "run-9999") == ["running"]
            assert await claim(store) == ["run-4"]
    if end == "left":
        assert {type(promise.exception()) for promise in promises if promise.exception()} == {StoreDegradedError}
    allow(-1)


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), sys.argv[2])
