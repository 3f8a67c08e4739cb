"""The writing thread over a real file: batches, who fails alone, one wake-up, a disk without room (`runner.store.writer`)."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.errors import StoreDegradedError, StoreError, StoreFencedError
from runner.ports import Blob, Park, RunChange, RunFilter
from runner.store import writer
from runner.store.batch import Item, of_the_disk
from runner.store.sqlite import SqliteStore, open_store
from tests.contracts.store.made import admission, admit, append, claim, ended, state


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A new store."""
    async with open_store(tmp_path / "runs.db") as opened:
        yield opened


@pytest.fixture
def commits(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many items each transaction of the store has had so far."""
    sizes: list[int] = []
    apply = store._writer._batch.apply

    def counted(connection: sqlite3.Connection, items: list[Item]) -> Any:
        sizes.append(len(items))
        return apply(connection, items)

    monkeypatch.setattr(store._writer._batch, "apply", counted)
    return sizes


class TestBatches:
    async def test_what_waits_shares_a_transaction(self, store: SqliteStore, commits: list[int]) -> None:
        """A thousand appends handed over in one go take a few commits, not a thousand."""
        await admit(store, "run-1")
        commits.clear()

        promises = [store.append(append("run-1", seq)) for seq in range(2, 1002)]
        await promises[-1]

        assert all(promise.done() for promise in promises)
        assert sum(commits) == 1000
        assert len(commits) < 20

    async def test_a_transaction_has_a_bound(self, store: SqliteStore, commits: list[int]) -> None:
        """So that whoever comes last does not wait for all before it."""
        await admit(store, "run-1")

        for seq in range(2, 9002):
            last = store.append(append("run-1", seq))
        await last

        assert max(commits) == writer.MOST_AT_ONCE

    async def test_the_loop_is_woken_once_a_batch(
        self, store: SqliteStore, commits: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However many promises it keeps."""
        await admit(store, "run-1")
        commits.clear()
        wakes: list[Any] = []
        on_loop = store._writer._on_loop

        def counted(callback: Callable[..., None], argument: Any) -> None:
            wakes.append(callback)
            on_loop(callback, argument)

        monkeypatch.setattr(store._writer, "_on_loop", counted)
        promises = [store.append(append("run-1", seq)) for seq in range(2, 502)]
        await promises[-1]

        assert len(wakes) == len(commits) < 500

    async def test_concurrent_admissions_do_not_pass_the_limit(self, store: SqliteStore) -> None:
        """Sixty at once in one lane: as many run as the limit says, as many queue as may, the rest is turned away."""
        verdicts: list[str] = []

        async def ask(run: str) -> None:
            verdicts.extend(await admit(store, run, limit=10, max_queued=20))

        async with anyio.create_task_group() as group:
            for number in range(60):
                group.start_soon(ask, f"run-{number:02}")

        assert {verdict: verdicts.count(verdict) for verdict in verdicts} == {"running": 10, "queued": 20, "full": 30}

    async def test_one_key_has_one_run_in_a_batch_too(self, store: SqliteStore) -> None:
        """Twenty at once with the same deduplication key: one is the first, the others are told which."""
        answers: list[tuple[str, str]] = []

        async def ask(run: str) -> None:
            admitted = await store.admit(admission(run, dedupe="k"))
            answers.append((admitted.verdict, admitted.run))

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(ask, f"run-{number:02}")

        first = next(run for verdict, run in answers if verdict == "running")
        assert answers.count(("duplicate", first)) == 19


class TestFailingAlone:
    async def test_what_cannot_be_stored_leaves_the_others_be(self, store: SqliteStore) -> None:
        """A conflict, a run that is not there, a text that is none, a number that is too big: each fails by itself."""
        await admit(store, *(f"run-{number}" for number in range(6)))

        good = [store.append(append(f"run-{number}", 2, blobs=(Blob(1, b"x"),))) for number in (0, 5)]
        bad = {
            store.append(append("run-1", 1)): (StoreFencedError, "run run-1: seq 1 of its journal is taken"),
            store.append(append("run-2", 2**70)): (StoreError, "run run-2: it cannot be stored: OverflowError"),
            store.append(append("run-3", 2, blobs=(Blob(1, b""), Blob(1, b"")))): (
                StoreError, "run run-3: it cannot be stored: IntegrityError",
            ),
            store.append(append("run-4", 2, parks=(Park("\ud800", 1.0),))): (
                StoreError, "run run-4: it cannot be stored: UnicodeEncodeError",
            ),
            store.append(append("nobody", 2)): (StoreError, "run nobody: there is no such run to append to"),
        }  # fmt: skip
        last = store.append(append("run-5", 3))

        for promise, (kind, said) in bad.items():
            with pytest.raises(kind) as failed:
                await promise
            assert (type(failed.value), str(failed.value)) == (kind, said)
        for kept in (*good, last):
            await kept
        assert [len(await store.read(f"run-{number}")) for number in range(6)] == [2, 1, 1, 1, 1, 3]
        assert not store.degraded

    async def test_an_admission_that_cannot_be_stored_is_refused_alone(self, store: SqliteStore) -> None:
        """Its neighbours are accepted, and nothing of it is left."""
        errors: list[Exception] = []

        async def ask(run: str, revision: str = "r") -> None:
            try:
                await store.admit(admission(run, revision=revision))
            except StoreError as error:
                errors.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(ask, "run-1")
            group.start_soon(ask, "run-2", "\ud800")
            group.start_soon(ask, "run-3")

        assert [str(error) for error in errors] == ["run run-2: it cannot be stored: UnicodeEncodeError"]
        assert [row.id for row in await store.find(RunFilter())] == ["run-3", "run-1"]

    async def test_a_job_that_raises_leaves_nothing(self, store: SqliteStore) -> None:
        """What it wrote before is taken back, and its error goes to whoever asked."""

        def half(connection: sqlite3.Connection) -> None:
            connection.execute("insert into schedules (workflow, trigger, decided_until) values ('w', 't', 1)")
            raise ZeroDivisionError

        with pytest.raises(StoreError, match=r"^a job: it cannot be stored: ZeroDivisionError$"):
            await store._writer.call(half)

        count = "select count(*) from schedules"
        assert await store._writer.call(lambda connection: connection.execute(count).fetchone()) == (0,)


def writing(store: SqliteStore, path: Path) -> sqlite3.Connection:
    """Somebody else's connection that holds a transaction open; the store waits hardly at all for it."""
    store._writer._connection.execute("pragma busy_timeout = 10")
    person = sqlite3.connect(path, isolation_level=None)
    person.execute("begin immediate")
    return person


class TestNoRoom:
    async def test_a_full_disk_is_waited_for(self, store: SqliteStore) -> None:
        """SQLite says that the database is full; once it is not, everything is written in its order."""
        await admit(store, "run-1", "run-2")
        store._writer._connection.execute("pragma max_page_count = 50")
        changes = [RunChange(state="running", error=str(seq)) for seq in range(20)]
        promises = [
            store.append(append("run-1", seq, blobs=(Blob(seq, b"x" * 100_000),), change=changes[seq]))
            for seq in range(2, 20)
        ]
        promises.append(store.append(ended("run-2", 2)))

        with pytest.raises(StoreDegradedError, match=r"^the disk refuses to write: database or disk is full$"):
            await claim_until_refused(store)
        assert store.degraded
        assert await state(store, "run-2") == "running"
        store._writer._connection.execute("pragma max_page_count = 1000000")
        for promise in promises:
            await promise

        assert [row.seq for row in await store.read("run-1")] == list(range(1, 20))
        row = await store.get("run-1")
        assert row is not None
        assert row.error == "19", "the last word is the last"
        assert await state(store, "run-2") == "succeeded"

    async def test_too_much_that_waits_admits_nothing(
        self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Appends are taken however many wait, new runs are not until it is less."""
        monkeypatch.setattr(writer, "MOST_WAITING", 100)
        await admit(store, "run-1")

        promises = [store.append(append("run-1", seq)) for seq in range(2, 203)]
        with pytest.raises(StoreDegradedError, match=r"^the disk refuses to write or is too slow: nothing new starts$"):
            await admit(store, "run-2")
        await promises[-1]

        assert await admit(store, "run-2") == ["running"]

    async def test_another_program_that_writes_is_waited_for(self, tmp_path: Path) -> None:
        """A person who holds a transaction open in the file delays the runs and loses them nothing."""
        async with open_store(tmp_path / "runs.db") as store:
            await admit(store, "run-1")
            person = writing(store, tmp_path / "runs.db")

            promise = store.append(ended("run-1", 2))
            with pytest.raises(StoreDegradedError, match=r"^the disk refuses to write: database is locked$"):
                await claim_until_refused(store)
            assert not promise.done()
            person.execute("rollback")
            person.close()
            await promise

    async def test_it_is_mended_when_something_was_written(self, tmp_path: Path) -> None:
        """Also where nothing waits: a transaction that writes nothing would go through on a full disk."""
        async with open_store(tmp_path / "runs.db") as store:
            await admit(store, "run-1")
            person = writing(store, tmp_path / "runs.db")
            with pytest.raises(StoreDegradedError):
                await claim_until_refused(store)
            before = (tmp_path / "runs.db-wal").stat().st_size
            person.execute("rollback")
            person.close()

            with anyio.fail_after(10):
                while store.degraded:  # noqa: ASYNC110  a thread of the store's mends it
                    await anyio.sleep(0.01)

            assert (tmp_path / "runs.db-wal").stat().st_size > before

    @pytest.mark.parametrize(
        ("error", "disk"),
        [
            (sqlite3.OperationalError("disk I/O error"), True),
            (sqlite3.DatabaseError("database disk image is malformed"), True),
            (MemoryError(), True),
            (sqlite3.IntegrityError("UNIQUE constraint failed"), False),
            (sqlite3.DataError("string or blob too big"), False),
            (OverflowError(), False),
        ],
    )
    def test_errors_of_the_disk_are_told_from_those_of_a_row(self, error: Exception, disk: bool) -> None:  # noqa: FBT001 - a table
        """A row that cannot be stored must not hold up the others for ever, nor a disk drop a row."""
        assert of_the_disk(error) == disk


class TestLoop:
    async def test_a_store_outlives_a_task_that_is_cancelled(self, tmp_path: Path) -> None:
        """The block is left in good order under a cancellation: what waits is written, threads end, the lock is free."""
        promises = []
        with anyio.CancelScope() as scope:
            async with open_store(tmp_path / "runs.db") as store:
                await admit(store, "run-1")
                promises += [store.append(append("run-1", seq)) for seq in range(2, 100)]
                scope.cancel()
                await anyio.sleep_forever()

        assert all(promise.exception() is None and promise.done() for promise in promises)
        async with open_store(tmp_path / "runs.db") as store:
            assert len(await store.read("run-1")) == 99

    async def test_the_loop_goes_on_while_the_disk_is_waited_for(self, store: SqliteStore) -> None:
        """A commit that takes its time holds up nobody but those who wait for it."""
        await admit(store, "run-1")
        release = asyncio.Event()

        def slow(_: sqlite3.Connection) -> None:
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(10)

        loop = asyncio.get_running_loop()
        job = store._writer.call(slow)
        promise = store.append(append("run-1", 2))
        row = store._lookups.run("run-1")
        assert row is not None
        assert not job.done()
        assert not promise.done()
        release.set()
        await job
        await promise


async def claim_until_refused(store: SqliteStore) -> None:
    """Claim again and again until the store is degraded."""
    while True:
        await claim(store)
