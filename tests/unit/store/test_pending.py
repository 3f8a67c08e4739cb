"""Promises that a store settles later (`runner.store.pending`)."""

import asyncio

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from runner.errors import StoreError
from runner.store.pending import Pending


class TestPending:
    async def test_everybody_who_awaits_gets_the_answer(self) -> None:
        """Those who awaited before and who does after."""
        pending: Pending[int] = Pending()
        answers: list[int] = []

        async def waiter() -> None:
            answers.append(await pending)

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(waiter)
            await wait_all_tasks_blocked()
            assert answers == []
            pending.settle(7)

        assert answers == [7, 7, 7]
        assert await pending == 7

    async def test_one_who_is_cancelled_takes_nothing_from_the_others(self) -> None:
        """A promise has no owner."""
        pending: Pending[int] = Pending()

        async with anyio.create_task_group() as group:

            async def other() -> None:
                assert await pending == 1

            group.start_soon(other)
            with anyio.move_on_after(0):
                await pending
            assert not pending.done()
            pending.settle(1)

    async def test_a_failure_is_raised_to_everybody(self) -> None:
        """And one that nobody awaits is nobody's noise."""
        pending: Pending[int] = Pending()
        pending.fail(StoreError("no"))

        for _ in range(2):
            with pytest.raises(StoreError, match=r"^no$"):
                await pending
        with pytest.raises(StoreError, match=r"^no$"):
            pending.result()

    async def test_there_is_no_result_before_the_end(self) -> None:
        """Asking for it is a mistake, as with the futures of asyncio."""
        pending: Pending[int] = Pending()

        assert pending.exception() is None
        with pytest.raises(asyncio.InvalidStateError):
            pending.result()

    async def test_a_callback_that_raises_keeps_nobody_waiting(self) -> None:
        """The loop hears of it, the callbacks after it are called."""
        pending: Pending[int] = Pending()
        heard: list[object] = []
        called: list[Pending[int]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context["exception"]))
        pending.add_done_callback(lambda _: 1 / 0)
        pending.add_done_callback(called.append)

        pending.settle(1)

        assert called == [pending]
        assert [type(each) for each in heard] == [ZeroDivisionError]
