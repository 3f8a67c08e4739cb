"""Connections kept: bounded, in turn, clean, closed when idle."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest

from runner.errors import TemporaryError
from runner.executors.sql import pools
from runner.executors.sql.pools import Pools
from runner.testing import FakeClock


class FakeSession:
    def __init__(self) -> None:
        self.is_usable = True
        self.calls: list[str] = []
        self.fails_to_reset = False

    async def reset(self) -> None:
        self.calls.append("reset")
        if self.fails_to_reset:
            raise TemporaryError("gone", kind="connection")

    def drop(self) -> None:
        self.is_usable = False
        self.calls.append("drop")

    async def close(self) -> None:
        self.is_usable = False
        self.calls.append("close")


class FakeConnector:
    isolations = frozenset[str]()

    def __init__(self) -> None:
        self.made: list[FakeSession] = []

    async def connect(self) -> Any:
        await anyio.lowlevel.checkpoint()
        self.made.append(FakeSession())
        return self.made[-1]


@pytest.fixture
def clock() -> Any:
    return FakeClock()


@pytest.fixture
def connector() -> Any:
    return FakeConnector()


@pytest.fixture
async def opened(clock: FakeClock) -> AsyncIterator[Any]:
    async with anyio.create_task_group() as group:
        yield Pools(group, clock.monotonic)
        group.cancel_scope.cancel()


async def use(pool: Any) -> Any:
    async with pool.session() as session:
        return session


class TestPool:
    async def test_a_session_is_reset_and_used_again(self, opened: Pools, connector: FakeConnector) -> None:
        """One after the other needs one connection."""
        pool = opened.of("a", lambda: connector)
        first = await use(pool)
        await anyio.wait_all_tasks_blocked()

        assert await use(pool) is first
        assert first.calls[:1] == ["reset"]

    async def test_a_session_that_broke_is_dropped(self, opened: Pools, connector: FakeConnector) -> None:
        """Nobody gets it again."""
        pool = opened.of("a", lambda: connector)
        async with pool.session() as session:
            session.is_usable = False
        await anyio.wait_all_tasks_blocked()

        assert connector.made[0].calls == ["close", "drop"]
        assert await use(pool) is not session

    async def test_a_session_that_cannot_be_reset_is_dropped(self, opened: Pools, connector: FakeConnector) -> None:
        """What an attempt left behind never meets the next one."""
        pool = opened.of("a", lambda: connector)
        async with pool.session():
            connector.made[0].fails_to_reset = True
        await anyio.wait_all_tasks_blocked()

        assert connector.made[0].calls == ["reset", "close", "drop"]

    async def test_at_most_ten_and_the_others_in_turn(self, opened: Pools, connector: FakeConnector) -> None:
        """Who waits longest is next."""
        pool, order = opened.of("a", lambda: connector), []

        async def wait(number: Any) -> None:
            async with pool.session():
                order.append(number)

        async with AsyncExitStack() as stack, anyio.create_task_group() as waiting:
            for _ in range(pools.MOST):
                await stack.enter_async_context(pool.session())
            for number in range(5):
                waiting.start_soon(wait, number)
                await anyio.wait_all_tasks_blocked()
            assert (len(connector.made), order) == (pools.MOST, [])
            await stack.aclose()

        assert order == [0, 1, 2, 3, 4]
        assert len(connector.made) == pools.MOST

    async def test_who_is_cancelled_while_waiting_takes_no_place(self, opened: Pools, connector: FakeConnector) -> None:
        """A cancelled wait gives nothing back that it never had."""
        pool = opened.of("a", lambda: connector)
        async with AsyncExitStack() as stack:
            for _ in range(pools.MOST):
                await stack.enter_async_context(pool.session())
            with anyio.move_on_after(0.01):
                await use(pool)
        await anyio.wait_all_tasks_blocked()

        async with AsyncExitStack() as stack, anyio.create_task_group() as group:
            for _ in range(pools.MOST):
                await stack.enter_async_context(pool.session())
            group.start_soon(use, pool)
            await anyio.wait_all_tasks_blocked()
            assert len(connector.made) == pools.MOST
            await stack.aclose()

    async def test_a_long_idle_session_is_asked_first(
        self, opened: Pools, connector: FakeConnector, clock: FakeClock
    ) -> None:
        """One that died meanwhile is replaced before anything is sent."""
        pool = opened.of("a", lambda: connector)
        first = await use(pool)
        await anyio.wait_all_tasks_blocked()
        first.fails_to_reset = True
        await clock.advance(pools.UNSURE + 1)

        assert await use(pool) is not first


class TestPools:
    async def test_what_is_idle_too_long_is_closed_and_forgotten(
        self, opened: Pools, connector: FakeConnector, clock: FakeClock
    ) -> None:
        """So the sessions of a secret that was replaced end."""
        pool = opened.of("a", lambda: connector)
        session = await use(pool)
        await anyio.wait_all_tasks_blocked()
        await clock.advance(pools.IDLE - 1)
        await opened.sweep()
        assert opened.of("a", lambda: connector) is pool

        await clock.advance(2)
        await opened.sweep()

        assert "close" in session.calls
        assert opened.of("a", FakeConnector) is not pool

    async def test_a_connection_string_has_its_own_pool(self, opened: Pools) -> None:
        """And is not kept as text."""
        assert opened.of("postgresql://c4nary", FakeConnector) is not opened.of("postgresql://other", FakeConnector)
        assert "c4nary" not in repr(vars(opened))
