"""The file of a store on disk: what retention gives back, what a reader sees meanwhile, what a slice takes."""

import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.ports import Blob, RunFilter, Store, Swept
from runner.store.bounds import PART
from runner.store.retention import FREE_SHARE
from runner.store.sqlite import open_store
from tests.contracts.store.made import admit, append, claim, ended

KILOBYTES = 40


async def fill(store: Store, runs: int) -> None:
    """Ended runs with a value of some pages each."""
    for number in range(runs):
        run = f"run-{number:04}"
        await admit(store, run)
        store.append(append(run, 2, blobs=(Blob(1, b"x" * KILOBYTES * 1000),)))
        store.append(ended(run, 3, "failed"))


async def sweep(store: Store, before: float) -> None:
    """All slices of a pass."""
    after: str | None = ""
    while after is not None:
        after = (await store.sweep(before, after)).after
    while await store.forget(before):
        pass


async def shrink(store: Store) -> int:
    """All slices of it; the bytes that were given back."""
    given = 0
    while some := await store.shrink():
        given += some
    return given


class TestSpace:
    async def test_the_file_shrinks_to_what_is_in_it(self, tmp_path: Path) -> None:
        """Free pages go back but for a share, and the WAL is emptied; what is left is whole."""
        async with open_store(tmp_path / "runs.db") as store:
            await fill(store, 100)
            await admit(store, "run-9999")
            before = await store.sizes()
            assert before.wal > 0

            await sweep(store, 9e9)
            swept = await store.sizes()
            given = await shrink(store)

            after = await store.sizes()
            assert given == swept.free - after.free > 90 * KILOBYTES * 1000
            assert before.file + before.wal > 100 * KILOBYTES * 1000 > 10 * after.file
            assert after.free * FREE_SHARE <= after.file
            assert after.wal == 0
            assert (tmp_path / "runs.db").stat().st_size == after.file
            assert [row.id for row in await store.find(RunFilter())] == ["run-9999"]

    async def test_a_reader_keeps_nobody_waiting(self, tmp_path: Path) -> None:
        """While somebody looks into the file with another program the WAL stays, and a pass ends all the same."""
        async with open_store(tmp_path / "runs.db") as store:
            await fill(store, 5)
            with closing(sqlite3.connect(tmp_path / "runs.db")) as reader:
                reader.execute("begin")
                assert reader.execute("select count(*) from runs").fetchone() == (5,)
                with anyio.fail_after(4):
                    await sweep(store, 9e9)
                    await shrink(store)
                assert reader.execute("select count(*) from runs").fetchone() == (5,)
            assert await store.find(RunFilter()) == []
            assert await store.shrink() == 0
            assert (await store.sizes()).wal == 0


class TestLongRuns:
    async def test_one_that_goes_in_pieces_is_nowhere_to_be_seen(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """From the first piece on no list and no lookup shows it, also after a start in between, which goes on with it."""
        async with open_store(tmp_path / "runs.db") as store:
            await admit(store, "run-long", "run-other")
            for seq in range(2, 500):
                store.append(append("run-long", seq, blobs=(Blob(seq, b"x"),)))
            await store.append(ended("run-long", 500, "failed"))
            monkeypatch.setattr("runner.store.retention.SLICE", 0.0)
            for _ in range(3):
                await store.sweep(9e9)
            rows = [row.seq for row in await store.read("run-long")]
            assert rows
            assert await _seen(store) == ["run-other"]
        async with open_store(tmp_path / "runs.db") as store:
            assert await _seen(store) == ["run-other"]
            monkeypatch.undo()
            await sweep(store, 9e9)
            assert await store.read("run-long") == []
            assert await store.counts() == {"running": 1}
            assert await claim(store) == []


class TestLargeValues:
    async def test_one_goes_in_small_steps(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each slice frees the pages of one part or few, and in the end the file is as if it had never been there."""
        monkeypatch.setattr("runner.store.retention.SLICE", 0.0)
        async with open_store(tmp_path / "runs.db") as store:
            await admit(store, "run-1", "run-2")
            before = await store.sizes()
            await store.append(append("run-1", 2, blobs=(Blob(1, b"x" * 5_000_000),)))
            await store.append(ended("run-1", 3, "failed"))
            frees, swept = [(await store.sizes()).free], Swept(0, "")
            while swept.after is not None:
                swept = await store.sweep(9e9, swept.after)
                frees.append((await store.sizes()).free)
            monkeypatch.undo()
            await shrink(store)
            last = await store.sizes()

        freed = [more - fewer for fewer, more in pairwise(frees)]
        assert sum(freed) > 5_000_000
        assert max(freed) < 2 * PART
        assert last.file <= before.file + before.wal
        assert last.wal == 0

    async def test_runs_with_large_values_do_not_go_together(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Eight short runs go with one statement, but no more of them than a statement may free."""
        monkeypatch.setattr("runner.store.retention.SLICE", 0.0)
        async with open_store(tmp_path / "runs.db") as store:
            for number in range(8):
                await admit(store, f"run-{number}")
                store.append(append(f"run-{number}", 2, blobs=(Blob(1, b"x" * 200_000),)))
                await store.append(ended(f"run-{number}", 3, "failed"))

            assert (await store.sweep(9e9)).runs == 1


async def _seen(store: Store) -> list[Any]:
    assert await store.get("run-long") is None
    assert await store.get("run-lo") is None
    return [row.id for row in await store.find(RunFilter())]
