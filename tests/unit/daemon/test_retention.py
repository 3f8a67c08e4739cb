"""Retention's passes over a store in memory, with a clock that is moved by hand (`runner.daemon.retention`)."""

import anyio
import pytest

from runner.daemon.retention import DISBELIEF, EVERY, Retention
from runner.errors import StoreDegradedError
from runner.ports import RunFilter
from runner.store.memory import MemoryStore
from runner.testing import FakeClock
from tests.contracts.store.made import admit, ended


@pytest.fixture
def clock() -> FakeClock:
    """At a thousand seconds of wall time."""
    return FakeClock(wall=1000.0)


@pytest.fixture
async def store(clock: FakeClock) -> MemoryStore:
    """Three failed runs that ended at 300, 600 and 900."""
    store = MemoryStore(clock=clock)
    for number in (3, 6, 9):
        await admit(store, f"run-{number}")
        await store.append(ended(f"run-{number}", 2, "failed", at=number * 100.0))
    return store


async def _left(store: MemoryStore) -> list[str]:
    return sorted(row.id for row in await store.find(RunFilter()))


class TestPasses:
    async def test_what_ended_longer_ago_goes(self, store: MemoryStore, clock: FakeClock) -> None:
        """By the wall clock at the pass."""
        retention = Retention(store, clock, 400.0)

        assert await retention.once() == 1
        assert await _left(store) == ["run-6", "run-9"]
        assert await retention.once() == 0

    async def test_it_comes_again_by_itself(self, store: MemoryStore, clock: FakeClock) -> None:
        """A pass a minute; where retention is shorter than ten, ten in its length."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Retention(store, clock, 650.0).watch)
            await clock.sleeping()
            assert await _left(store) == ["run-3", "run-6", "run-9"]
            await clock.advance(EVERY)
            assert await _left(store) == ["run-6", "run-9"]
            await clock.advance(5 * EVERY)
            assert await _left(store) == ["run-9"]
            tasks.cancel_scope.cancel()

        assert 0 < EVERY < 650.0

    async def test_a_disk_that_refuses_is_tried_again(self, store: MemoryStore, clock: FakeClock) -> None:
        """A pass that cannot write says so and deletes nothing; the next one does."""
        retention = Retention(store, clock, 400.0)
        store.break_disk()
        with pytest.raises(StoreDegradedError):
            await retention.once()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(retention.watch)
            await clock.sleeping()
            await clock.advance(EVERY)
            assert len(await _left(store)) == 3
            store.mend_disk()
            await clock.advance(EVERY)
            assert await _left(store) == ["run-9"]
            tasks.cancel_scope.cancel()


class TestClock:
    async def test_a_date_that_jumped_ahead_deletes_nothing(self, store: MemoryStore, clock: FakeClock) -> None:
        """Not for an hour; a clock that was set back within it has cost no run."""
        retention = Retention(store, clock, 400.0)
        clock.step(1e9)
        assert await retention.once() == 0
        await clock.advance(DISBELIEF / 2)
        assert await retention.once() == 0
        clock.step(-1e9 - DISBELIEF / 2)
        await clock.advance(DISBELIEF / 2)
        clock.step(-DISBELIEF / 2)

        assert await retention.once() == 1
        assert await _left(store) == ["run-6", "run-9"]

    async def test_a_clock_that_stays_ahead_is_believed_in_the_end(self, store: MemoryStore, clock: FakeClock) -> None:
        """The date may have been wrong before; a step back or a small one is believed at once."""
        retention = Retention(store, clock, 400.0)
        clock.step(-100.0)
        assert await retention.once() == 1
        clock.step(59.0)
        assert await retention.once() == 0
        clock.step(1e6)
        assert await retention.once() == 0
        await clock.advance(DISBELIEF)
        assert await retention.once() == 2
