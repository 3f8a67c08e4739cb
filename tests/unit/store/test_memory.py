"""The store in memory: commits, crashes and a disk that refuses, on demand (`runner.store.memory`)."""

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from runner.errors import StoreDegradedError, StoreFencedError
from runner.ports import Admitted, RunFilter
from runner.store.memory import MemoryStore
from tests.contracts.store.made import admission, admit, append, claim, ended, state


async def _admitted(store: MemoryStore, run: str) -> Admitted:
    answers: list[Admitted] = []

    async def ask() -> None:
        answers.append(await store.admit(admission(run, boot=store.boot)))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await wait_all_tasks_blocked()
        assert answers == [], "an admission is no answer before its commit"
        store.commit()
    return answers[0]


class TestCommit:
    async def test_nothing_is_durable_before_its_commit(self) -> None:
        """In the order they were handed over, as many as the test says."""
        store = MemoryStore(auto_commit=False)
        assert (await _admitted(store, "run-1")).verdict == "running"
        promises = [store.append(append("run-1", seq)) for seq in (2, 3, 4)]
        assert store.waiting == 3

        assert store.commit(2) == 2

        assert [promise.done() for promise in promises] == [True, True, False]
        assert [row.seq for row in await store.read("run-1")] == [1, 2, 3]
        assert store.commit() == 1
        assert store.commit() == 0


class TestCrash:
    async def test_what_was_not_committed_is_lost(self) -> None:
        """The store that is opened anew has the next boot; the old one's promises are never kept."""
        store = MemoryStore(auto_commit=False)
        await _admitted(store, "run-1")
        kept, lost = store.append(append("run-1", 2)), store.append(ended("run-1", 3))
        store.commit(1)

        opened = store.crash()

        assert (store.boot, opened.boot) == (1, 2)
        assert store.commit() == 0
        assert (kept.done(), lost.done()) == (True, False)
        assert [row.seq for row in await opened.read("run-1")] == [1, 2]
        assert await state(opened, "run-1") == "running"
        opened.append(ended("run-1", 3, boot=2))
        opened.commit()
        assert await state(opened, "run-1") == "succeeded"

    async def test_the_one_before_is_fenced_off(self) -> None:
        """A process that lives on after it lost the store can write nothing."""
        store = MemoryStore()
        await admit(store, "run-1")
        opened = store.crash()

        with pytest.raises(StoreFencedError, match="boot 1 no longer owns this store, boot 2 does"):
            await store.append(append("run-1", 2))

        await opened.append(append("run-1", 2, boot=2))


class TestDisk:
    async def test_a_disk_that_refuses_starts_nothing_and_loses_nothing(self) -> None:
        """Appends wait for it, admissions and claims are refused, lookups answer."""
        store = MemoryStore()
        await admit(store, "run-1")
        store.break_disk()

        promise = store.append(ended("run-1", 2))
        with pytest.raises(StoreDegradedError):
            await admit(store, "run-2")
        with pytest.raises(StoreDegradedError):
            await claim(store)
        assert store.degraded
        assert [row.state for row in await store.find(RunFilter())] == ["running"]

        store.mend_disk()

        assert promise.done()
        assert await admit(store, "run-2") == ["running"]
        assert await state(store, "run-1") == "succeeded"

    async def test_what_waits_to_start_is_refused_when_it_breaks(self) -> None:
        """An append that waits beside it goes on waiting."""
        store = MemoryStore(auto_commit=False)
        await _admitted(store, "run-1")
        promise = store.append(append("run-1", 2))

        async with anyio.create_task_group() as group:

            async def ask() -> None:
                with pytest.raises(StoreDegradedError):
                    await store.admit(admission("run-2"))

            group.start_soon(ask)
            await wait_all_tasks_blocked()
            store.break_disk()

        assert not promise.done()
        assert store.commit() == 0
        store.mend_disk()
        assert store.commit() == 1
