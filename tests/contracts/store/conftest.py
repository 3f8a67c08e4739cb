"""
Every test of this folder runs over each store: the one in memory and the one on disk.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from runner.ports import Store
from runner.store.memory import MemoryStore
from runner.store.sqlite import open_store
from runner.testing import FakeClock

Reopen = Callable[[], Awaitable[Store]]


@pytest.fixture
def clock() -> FakeClock:
    """The clock that the store reads."""
    return FakeClock(wall=1000.0)


@pytest.fixture(params=["memory", "sqlite"])
async def reopen(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Reopen]:
    """Opens the store, and each time it is called again: closes it and opens it anew."""
    memory: list[MemoryStore] = []
    async with AsyncExitStack() as stack:

        async def opened() -> Store:
            if request.param == "memory":
                memory.append(memory[-1].crash() if memory else MemoryStore(clock=clock))
                return memory[-1]
            await stack.aclose()
            return await stack.enter_async_context(open_store(tmp_path / "runs.db", clock=clock))

        yield opened


@pytest.fixture
async def store(reopen: Reopen) -> Store:
    """An empty store, opened for the first time."""
    return await reopen()
