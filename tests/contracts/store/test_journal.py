"""The journal of a store: order, fences, indivisible appends, big values."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest

from runner.errors import StoreError, StoreFencedError, StoreFormatError
from runner.events import Ended, Started, Stored, encode
from runner.ports import Blob, Due, Park, RunChange, RunFilter, Store
from tests.contracts.store.conftest import Reopen
from tests.contracts.store.made import admission, admit, append, claim, ended, next_due, parked, state

Ask = Callable[[Store], Awaitable[Any]]


async def _many(rows: Awaitable[Sequence[Any]]) -> int:
    return len(await rows)


class TestAppend:
    async def test_a_journal_is_read_in_the_order_of_its_appends(self, store: Store) -> None:
        """Each append comes back as one row with its seq, its boot, its time and its events."""
        await admit(store, "run-1", "run-2")
        started = Started(at=201.0, place="fetch", attempt=1)

        promises = [
            store.append(append("run-1", 2, at=201.0, events=encode((started,)))),
            store.append(append("run-2", 2, at=202.0)),
            store.append(append("run-1", 3, at=203.0)),
        ]
        for promise in promises:
            await promise

        assert await store.end("run-1") is None
        rows = await store.read("run-1")
        assert [(row.seq, row.boot, row.at) for row in rows] == [(1, 1, 100.0), (2, 1, 201.0), (3, 1, 203.0)]
        assert rows[1].events == (started,)
        assert await store.read("nobody") == []

    @pytest.mark.parametrize(
        "stored",
        [
            Stored(json=msgspec.Raw(b'{"a":[1,"x"]}')),
            Stored(json=msgspec.Raw(b"null")),
            Stored(json=msgspec.Raw(b'"[secret A]"'), sealed=b"\x00\xff", labels=((("a", 0), ("A",)),)),
            Stored(blob=5),
            Stored(),
        ],
    )
    async def test_a_value_comes_back_as_it_was(self, store: Store, stored: Stored) -> None:
        """Whatever JSON it is; null is a value and no value is none."""
        await admit(store, "run-1")

        await store.append(append("run-1", 2, events=encode((Ended(at=1.0, state="failed", output=stored),))))

        (event,) = (await store.read("run-1"))[1].events
        assert isinstance(event, Ended)
        assert event.output == stored
        assert await store.end("run-1") == event
        assert await store.end("nobody") is None

    async def test_a_promise_tells_when_it_is_kept(self, store: Store) -> None:
        """It is done with no error, every callback has been called, and awaiting it again comes back at once."""
        await admit(store, "run-1")
        called: list[bool] = []

        promise = store.append(append("run-1", 2))
        promise.add_done_callback(lambda durable: called.append(durable.done()))
        await promise
        await promise
        promise.add_done_callback(lambda durable: called.append(durable.done()))

        assert promise.done()
        assert promise.exception() is None
        promise.result()
        assert called == [True, True]

    @pytest.mark.parametrize(
        ("ask", "answer"),
        [
            (lambda store: store.due(9.0, 9), [Due("run-1", "wait", 5.0)]),
            (next_due, 5.0),
            (lambda store: store.counts(), {"running": 1, "failed": 1}),
            (lambda store: store.blob("run-1", 7), b"big"),
            (lambda store: state(store, "run-3"), "failed"),
            (lambda store: _many(store.read("run-1")), 2),
            (lambda store: _many(store.live()), 1),
            (lambda store: _many(store.find(RunFilter(states=("failed",)))), 1),
        ],
    )
    async def test_a_lookup_sees_what_was_appended_before_it(self, store: Store, ask: Ask, answer: Any) -> None:
        """Nobody has to await an append to find it, whatever is asked."""
        await admit(store, "run-1", "run-3")

        store.append(ended("run-3", 2, "failed"))
        store.append(append("run-1", 2, parks=(Park("wait", 5.0, child="run-2"),), blobs=(Blob(7, b"big"),)))

        assert await ask(store) == answer

    async def test_appends_of_one_run_in_one_batch_come_to_what_the_last_says(self, store: Store) -> None:
        """A place that is parked, freed and parked again waits for the last; the run's row is that of the last change."""
        await admit(store, "run-1")

        store.append(parked("run-1", 2, Park("a", 1.0), Park("b", 2.0)))
        store.append(parked("run-1", 3, Park("b", 7.0), unparks=("a", "b")))
        store.append(append("run-1", 4, change=RunChange(state="running", error="first")))
        await store.append(append("run-1", 5, change=RunChange(state="running", error="second")))

        assert [(due.run, due.place) for due in await store.due(10.0, 10)] == [("run-1", "b")]
        assert await next_due(store) == 7.0
        row = await store.get("run-1")
        assert row is not None
        assert (row.error, row.waiting) == ("second", True)

    async def test_events_of_another_version_are_an_error_of_that_run(self, store: Store) -> None:
        """What cannot be decoded names run and seq, and shows nothing of the text."""
        await admit(store, "run-1")
        await store.append(append("run-1", 2, events=b'[{"e":"s3cret"}]'))

        with pytest.raises(
            StoreFormatError, match=r"^run run-1: its journal cannot be read at seq 2: ValidationError$"
        ):
            await store.read("run-1")


class TestFence:
    async def test_a_seq_is_taken_once(self, store: Store) -> None:
        """The second append at a seq is refused whole, and so is every later one of that run, but of no other."""
        await admit(store, "run-1", "run-2")
        await store.append(append("run-1", 2))

        stolen = store.append(parked("run-1", 2, Park("wait", 5.0)))
        later = store.append(ended("run-1", 3))
        other = store.append(append("run-2", 2))

        with pytest.raises(StoreFencedError, match=r"^run run-1: seq 2 of its journal is taken$"):
            await stolen
        with pytest.raises(StoreFencedError, match=r"^run run-1: an append before seq 3 was refused$"):
            await later
        await other
        assert isinstance(stolen.exception(), StoreFencedError)
        assert [row.seq for row in await store.read("run-1")] == [1, 2]
        assert [row.seq for row in await store.read("run-2")] == [1, 2]
        assert await state(store, "run-1") == "running"
        assert await next_due(store) is None

    async def test_an_old_boot_is_refused(self, reopen: Reopen) -> None:
        """Each opening has the next boot number, and appends, admissions and claims under an earlier one are refused."""
        store = await reopen()
        await admit(store, "run-1")
        store = await reopen()
        assert store.boot == 2
        reason = "boot 1 no longer owns this store, boot 2 does$"

        with pytest.raises(StoreFencedError, match=r"^run run-1: " + reason):
            await store.append(append("run-1", 2, boot=1))
        with pytest.raises(StoreFencedError, match=r"^run run-2: " + reason):
            await store.admit(admission("run-2", boot=1))
        with pytest.raises(StoreFencedError, match=r"^a claim: " + reason):
            await store.claim(1, 10)

        assert [row.id for row in await store.find(RunFilter())] == ["run-1"]
        assert [row.seq for row in await store.read("run-1")] == [1]

    async def test_a_run_that_was_fenced_off_goes_on_after_a_start(self, reopen: Reopen) -> None:
        """The refusal belongs to the opening: a recovered run appends at the seq that its journal ends with."""
        store = await reopen()
        await admit(store, "run-1")
        with pytest.raises(StoreFencedError):
            await store.append(append("run-1", 1))
        store = await reopen()

        await store.append(ended("run-1", 2, boot=2))

        assert [(row.seq, row.boot) for row in await store.read("run-1")] == [(1, 1), (2, 2)]

    async def test_a_run_that_was_never_accepted_has_no_journal(self, store: Store) -> None:
        """An append to it fails, whatever else is in its batch."""
        await admit(store, "run-1")

        lost = store.append(append("nobody", 1))
        kept = store.append(append("run-1", 2))

        with pytest.raises(StoreError, match=r"^run nobody: there is no such run to append to$"):
            await lost
        await kept


class TestSurvival:
    async def test_everything_is_there_after_a_start(self, reopen: Reopen) -> None:
        """Runs, journals, values, parked places, queues, keys and definitions outlive the process."""
        store = await reopen()
        await admit(store, "run-1", "run-2", "run-3", limit=2, dedupe="k")
        assert await admit(store, "run-4", start=False) == ["queued"]
        await store.append(append("run-1", 2, blobs=(Blob(9, b"big"),), parks=(Park("wait", 7.0),), waiting=True))
        rows = await store.find(RunFilter())
        store = await reopen()

        assert await store.find(RunFilter()) == rows
        assert await store.blob("run-1", 9) == b"big"
        assert await next_due(store) == 7.0
        assert await admit(store, "run-9", dedupe="k") == ["duplicate"]
        assert [run.run for run in await store.live()] == ["run-1"]
        assert await claim(store) == ["run-4"]
        assert (await store.definition(rows[0].revision)).name == "sync"


class TestValues:
    async def test_big_values_have_rows_of_their_own(self, store: Store) -> None:
        """They come back byte for byte, by run and number."""
        await admit(store, "run-1", "run-2")
        big = b"".join(number.to_bytes(4, "big") for number in range(320_000))

        await store.append(append("run-1", 2, blobs=(Blob(1, big), Blob(2, b""))))
        await store.append(append("run-2", 2, blobs=(Blob(1, b"other"),)))

        assert await store.blob("run-1", 1) == big
        assert await store.blob("run-1", 2) == b""
        assert await store.blob("run-2", 1) == b"other"
        with pytest.raises(StoreError, match=r"^run run-2: value 2 is not in the store$"):
            await store.blob("run-2", 2)
