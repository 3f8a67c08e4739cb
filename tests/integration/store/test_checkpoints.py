"""The WAL over a real file: who copies it and when, how long it gets, what a reader and a refusal change."""

import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.lowlevel
import pytest

from runner.ports import Blob
from runner.store import checkpoints
from runner.store.checkpoints import MOST, RETRY, START, Checkpoints
from runner.store.copies import copy
from runner.store.sqlite import SqliteStore, open_store
from tests.contracts.store.made import admit, append

PIECE = 200_000


class Passes:
    """Which thread made each pass, and how each row of the thread's passes ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by: list[str] = []
        self.ends: list[bool] = []
        self._changed = anyio.Event()
        self._token = anyio.lowlevel.current_token()
        one, all_of_them = Checkpoints._pass, Checkpoints._copy

        def passed(own: Checkpoints, connection: sqlite3.Connection, size: int) -> int | None:
            self.by.append(threading.current_thread().name)
            return one(own, connection, size)

        def copied(own: Checkpoints) -> bool:
            near = all_of_them(own)
            own._state = "near" if near else "idle"  # as it is when the thread has gone on
            self.ends.append(near)
            anyio.from_thread.run_sync(self._tell, token=self._token)
            return near

        monkeypatch.setattr(Checkpoints, "_pass", passed)
        monkeypatch.setattr(Checkpoints, "_copy", copied)

    async def of_the_thread(self) -> bool:
        """Once the thread has ended a row of passes: whether next to nothing is left."""
        with anyio.fail_after(10):
            while not self.ends:
                await self._changed.wait()
        return self.ends.pop(0)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


@pytest.fixture
async def passes(monkeypatch: pytest.MonkeyPatch) -> Passes:
    """Those of every store that is opened after it."""
    return Passes(monkeypatch)


@pytest.fixture
async def store(passes: Passes, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store with one run, whose passes are told."""
    async with open_store(tmp_path / "runs.db") as opened:
        await admit(opened, "run-1")
        yield opened


async def write(store: SqliteStore, size: int, first: int = 2) -> list[int]:
    """So many bytes in appends of their own; how long the WAL was after each."""
    sizes = []
    for seq in range(first, first + size // PIECE + 1):
        await store.append(append("run-1", seq, blobs=(Blob(seq, b"x" * PIECE),)))
        sizes.append((await store.sizes()).wal)
    return sizes


class TestBesideCommits:
    async def test_another_thread_copies(self, store: SqliteStore, passes: Passes) -> None:
        """Below a bound nobody does; beyond it not the writer, but for what came in meanwhile; the WAL begins anew."""
        await write(store, START // 2)
        assert passes.by == []

        await write(store, START // 2, 100)
        assert await passes.of_the_thread()
        await write(store, 1, 210)
        await write(store, 1, 220)

        assert set(passes.by[:2]) == {"runner-checkpoints"}
        assert passes.by.count("runner-store") <= 1
        assert (await store.sizes()).wal <= START
        assert len(await store.read("run-1")) > 40

    async def test_the_writer_copies_what_is_left(
        self, passes: Passes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between two commits, once and no more, when the thread has said that it is next to nothing."""
        copying, may_end = anyio.Event(), threading.Event()
        token = anyio.lowlevel.current_token()

        def nothing_left(_: Checkpoints) -> bool:
            anyio.from_thread.run_sync(copying.set, token=token)
            return may_end.wait(10)

        monkeypatch.setattr(Checkpoints, "_copy", nothing_left)
        async with open_store(tmp_path / "runs.db") as store:
            await admit(store, "run-1")
            assert max(await write(store, START + RETRY)) > START
            await copying.wait()
            assert passes.by == []
            may_end.set()
            seq, size = 1000, START + 1
            while size > START:
                await store.append(append("run-1", seq))
                seq, size = seq + 1, (await store.sizes()).wal

            assert passes.by == ["runner-store"]

    async def test_no_commit_copies(self, store: SqliteStore) -> None:
        """SQLite does it at none by itself, and cuts a WAL that begins anew back to where passes begin."""

        def ask(connection: sqlite3.Connection) -> list[int]:
            pragmas = ("wal_autocheckpoint", "journal_size_limit")
            return [connection.execute(f"pragma {pragma}").fetchone()[0] for pragma in pragmas]

        assert await store._writer.call(ask) == [0, START]

    async def test_who_writes_faster_than_is_copied_waits_for_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the thread does not come to it, the writer copies all of a WAL that has reached its bound."""
        most = START + 2_000_000
        monkeypatch.setattr(checkpoints, "MOST", most)
        monkeypatch.setattr(Checkpoints, "_copy", lambda _: False)

        async with open_store(tmp_path / "runs.db") as store:
            await admit(store, "run-1")
            sizes = await write(store, 3 * START)

        assert START < max(sizes) < most + 2 * PIECE < MOST
        assert sum(after < before for before, after in pairwise(sizes)) >= 2


class TestReaders:
    async def test_a_reader_is_waited_for_by_nobody(self, store: SqliteStore, passes: Passes, tmp_path: Path) -> None:
        """Its state stays whole and the WAL grows; after it, the WAL begins anew as soon as that has grown by a little."""
        with closing(sqlite3.connect(tmp_path / "runs.db")) as reader:
            reader.execute("begin")
            assert reader.execute("select count(*) from journal").fetchone() == (1,)
            await write(store, START + RETRY // 2)
            assert not await passes.of_the_thread()
            assert (await store.sizes()).wal > START
            assert reader.execute("select count(*) from journal").fetchone() == (1,)
        passes.ends.clear()
        await write(store, 2 * RETRY, 100)
        assert await passes.of_the_thread()
        for seq in range(200, 203):
            await store.append(append("run-1", seq))

        assert (await store.sizes()).wal <= START

    async def test_a_copy_made_meanwhile_is_whole(self, store: SqliteStore, tmp_path: Path) -> None:
        """A backup of a store whose WAL is copied beside it has every row that was on disk when it began."""
        await write(store, START)
        size = await anyio.to_thread.run_sync(copy, tmp_path / "runs.db", tmp_path / "copy.db")

        assert size > START
        with closing(sqlite3.connect(tmp_path / "copy.db")) as copied:
            assert copied.execute("pragma integrity_check").fetchone() == ("ok",)
            assert copied.execute("select count(distinct number) from blobs").fetchone() == (START // PIECE + 1,)


class TestRefusals:
    async def test_a_disk_that_refuses_is_told_of_once(
        self, store: SqliteStore, passes: Passes, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Commits go on, and nothing is lost: what is in the WAL is safe."""
        store._checkpoints._sql = {**store._checkpoints._sql, "copy": "select * from nowhere"}
        await write(store, START)
        assert not await passes.of_the_thread()
        await write(store, 2 * RETRY, 100)

        told = [record.getMessage() for record in caplog.records if "WAL" in record.getMessage()]
        assert told == ["the WAL cannot be brought into the file (no such table: nowhere): it grows, nothing is lost"]
        assert not store.degraded
        assert len(await store.read("run-1")) > 50


class TestEnd:
    async def test_a_store_that_is_closed_leaves_an_empty_wal(self, tmp_path: Path) -> None:
        """Also where another program has the file open, which keeps SQLite from taking the WAL away."""
        path = tmp_path / "runs.db"
        async with open_store(path) as store:
            await admit(store, "run-1")
            with closing(sqlite3.connect(path)) as other:
                assert other.execute("select count(*) from runs").fetchone() == (1,)
                assert (await store.sizes()).wal > 0
                await store._writer.close()

                assert (await store.sizes()).wal == 0
                assert other.execute("select count(*) from runs").fetchone() == (1,)
        assert threading.active_count() == len(
            [each for each in threading.enumerate() if "checkpoints" not in each.name]
        )
