"""What a store forgets: runs past retention and all that belongs to them, sealed values that have served, old keys."""

from typing import Any

import msgspec
import pytest

from runner.errors import StoreError
from runner.events import Ended, Finished, Parent, Stored, decode, encode
from runner.ports import Append, Blob, RunChange, RunFilter, Store
from runner.store.journal import GONE
from runner.store.retention import SEALED_SECONDS
from tests.contracts.store.made import admission, admit, append, ended, state, sweep

SEALED = Stored(json=msgspec.Raw(b'"[secret A]"'), sealed=b"sealed bytes", labels=(((), ("A",)),))


async def forget(store: Store, now: float) -> None:
    """Slices until nothing waits."""
    while await store.forget(now):
        pass


async def left(store: Store) -> list[str]:
    """The ids of the runs that are there."""
    return sorted(row.id for row in await store.find(RunFilter(limit=1000)))


def sealed_end(run: str, seq: int, *, at: float = 300.0, output: Stored = SEALED) -> Append:
    """The append that ends a run well with a sealed output."""
    end = ended(run, seq, at=at)
    return msgspec.structs.replace(end, events=encode((Ended(at=at, state="succeeded", output=output),)))


def sealed_value(run: str, seq: int) -> Append:
    """An append with the sealed value of an action."""
    return append(run, seq, events=encode((Finished(200.0, "fetch", 1, "succeeded", value=SEALED),)))


async def sealed(store: Store, run: str) -> list[bytes | None]:
    """What is sealed in each value of the run's journal, in order."""
    events: list[Any] = [event for row in await store.read(run) for event in row.events]
    values: list[Stored | None] = [event.output if isinstance(event, Ended) else event.value for event in events]
    return [None if value is None else value.sealed for value in values]


class TestSweep:
    async def test_a_run_goes_with_everything_of_it(self, store: Store) -> None:
        """Row, journal, values and the revision that only it named; the one that ended at the border stays."""
        old: dict[str, Any] = {"revision": "old", "definition": b"{}"}
        await admit(store, "run-1", **old)
        await admit(store, "run-2")
        await store.append(append("run-1", 2, blobs=(Blob(1, b"big"),)))
        await store.append(ended("run-1", 3, "failed", at=299.0))
        await store.append(ended("run-2", 2, "failed", at=300.0))

        assert await sweep(store, 300.0) == 1

        assert await left(store) == ["run-2"]
        assert await store.get("run-1") is None
        assert await store.read("run-1") == []
        with pytest.raises(StoreError, match="value 1 is not in the store"):
            await store.blob("run-1", 1)
        with pytest.raises(StoreError, match="revision old is not in the store"):
            await store.definition("old")
        assert (await store.definition((await store.find(RunFilter()))[0].revision)).name == "sync"
        assert await store.counts() == {"failed": 1}

    async def test_a_revision_goes_with_the_last_run_that_names_it(self, store: Store) -> None:
        """As long as one does, it is there; a run that comes after it brings it along again."""
        shared: dict[str, Any] = {"revision": "shared", "definition": b'{"bad": 1}'}
        await admit(store, "run-1", "run-2", **shared)
        await store.append(ended("run-1", 2, "failed", at=200.0))
        await sweep(store, 250.0)
        with pytest.raises(StoreError, match=r"cannot be read"):
            await _definition(store, "shared")

        await store.append(ended("run-2", 2, "failed", at=200.0))
        await sweep(store, 250.0)
        with pytest.raises(StoreError, match="revision shared is not in the store"):
            await _definition(store, "shared")
        assert await admit(store, "run-3", **shared) == ["running"]

    async def test_what_has_not_ended_stays(self, store: Store) -> None:
        """However old it is: running, waiting, queued, held, or run again after its end."""
        await admit(store, "run-1", "run-2", "run-3", limit=2)
        await admit(store, "run-4", start=False)
        await store.append(append("run-1", 2, waiting=True))
        await store.append(ended("run-2", 2, "failed"))
        await store.append(append("run-2", 3, change=RunChange(state="running")))

        assert await sweep(store, 9e9) == 0
        assert await left(store) == ["run-1", "run-2", "run-3", "run-4"]

    async def test_the_last_success_of_a_workflow_stays(self, store: Store) -> None:
        """`$last` never loses its run; the one before it goes, and failed ones beside it."""
        await admit(store, "run-1", "run-2", "run-3")
        await admit(store, "run-4", workflow="other")
        for run in ("run-1", "run-2", "run-4"):
            await store.append(ended(run, 2, output=b"7"))
        await store.append(ended("run-3", 2, "failed"))

        assert await sweep(store, 9e9) == 2

        assert await left(store) == ["run-2", "run-4"]
        last = await store.last("sync")
        assert (last.run, last.failures) == ("run-2", 1)

    async def test_a_child_stays_as_long_as_its_parent(self, store: Store) -> None:
        """While the parent lives, or ended too late to go; a child whose parent is gone goes by its own end."""
        await admit(store, "run-1", "run-2")
        for number, parent in enumerate(("run-1", "run-2", "run-0")):
            await admit(store, f"run-1{number}", parent=Parent(parent, "call", 1))
            await store.append(ended(f"run-1{number}", 2, "failed"))
        await store.append(ended("run-2", 2, "failed", at=500.0))

        assert await sweep(store, 400.0) == 1
        assert await left(store) == ["run-1", "run-10", "run-11", "run-2"]
        assert await sweep(store, 600.0) == 2
        assert await left(store) == ["run-1", "run-10"]

    async def test_young_children_do_not_hide_old_runs(self, store: Store) -> None:
        """A child's id sorts by its parent's acceptance: one that was accepted late is no sign that only young ones follow."""
        await admit(store, "run-1")
        await admit(store, "run-1-child", parent=Parent("run-1", "call", 1), at=900.0)
        await admit(store, "run-2", "run-3", at=950.0)
        await admit(store, "run-19")
        for run in ("run-19", "run-2", "run-3"):
            await store.append(ended(run, 2, "failed", at=300.0 if run == "run-19" else 960.0))

        assert await sweep(store, 400.0) == 1
        assert await left(store) == ["run-1", "run-1-child", "run-2", "run-3"]

    async def test_many_go_whatever_their_length(self, store: Store) -> None:
        """Short ones, one with a thousand rows, one with a value of a megabyte: all of them, and nothing else."""
        runs = [f"run-{number:03}" for number in range(150)]
        await admit(store, *runs)
        for seq in range(2, 1000):
            last = store.append(append("run-070", seq))
        await last
        await store.append(append("run-090", 2, blobs=(Blob(1, b"x" * 1_000_000), Blob(2, b"y"))))
        for run in runs:
            seq = {"run-070": 1000, "run-090": 3}.get(run, 2)
            await store.append(ended(run, seq, "cancelled" if run != "run-123" else "succeeded"))

        assert await sweep(store, 9e9) == 149
        assert await left(store) == ["run-123"]
        assert await store.counts() == {"succeeded": 1}

    async def test_keys_go_when_their_time_is_over(self, store: Store) -> None:
        """A key that still stands for its run does so after a pass, and after its run is gone; one for good stays."""
        await admit(store, "run-1", dedupe="young", dedupe_until=900.0)
        await admit(store, "run-2", dedupe="for good")
        await store.append(ended("run-1", 2, "failed"))
        await sweep(store, 9e8)

        await forget(store, 899.0)
        assert (await store.admit(admission("run-5", dedupe="young", at=899.0))).verdict == "duplicate"
        await forget(store, 900.0)
        assert (await store.admit(admission("run-5", dedupe="young", at=100.0))).verdict == "running"
        assert (await store.admit(admission("run-6", dedupe="for good"))).verdict == "duplicate"


async def _definition(store: Store, revision: str) -> Any:
    try:
        return await store.definition(revision)
    except msgspec.MsgspecError as error:  # the memory store decodes on the spot
        raise StoreError(f"it cannot be read: {error}") from None


class TestForget:
    async def test_what_a_success_needed_is_gone_soon_after_its_end(self, store: Store) -> None:
        """Its actions' values a minute after it; its output stays while it is `$last`, and no longer."""
        await admit(store, "run-1", "run-2")
        await store.append(sealed_value("run-1", 2))
        await store.append(sealed_end("run-1", 3, at=300.0))

        await forget(store, 300.0 + SEALED_SECONDS - 1)
        assert await sealed(store, "run-1") == [b"sealed bytes", b"sealed bytes"]
        await forget(store, 300.0 + SEALED_SECONDS)
        assert await sealed(store, "run-1") == [GONE, b"sealed bytes"]
        last = await store.last("sync")
        assert last.output == SEALED

        await store.append(sealed_end("run-2", 2, at=400.0))
        await forget(store, 500.0)
        assert await sealed(store, "run-1") == [GONE, GONE]
        assert await sealed(store, "run-2") == [b"sealed bytes"]

    async def test_nothing_but_the_sealed_value_goes(self, store: Store) -> None:
        """The masked value, its labels and every other event are as they were."""
        await admit(store, "run-1")
        await store.append(sealed_value("run-1", 2))
        await store.append(sealed_end("run-1", 3, output=Stored(json=msgspec.Raw(b'{"sealed":"no"}'))))
        before = await store.read("run-1")

        await forget(store, 9e8)

        after = await store.read("run-1")
        event: Any = after[1].events[0]
        assert event.value == msgspec.structs.replace(SEALED, sealed=GONE)
        assert (after[0], after[2]) == (before[0], before[2])
        assert decode(encode(after[1].events)) == after[1].events

    @pytest.mark.parametrize("how", ["failed", "cancelled"])
    async def test_what_may_be_run_again_keeps_it(self, store: Store, how: Any) -> None:
        """A failed or cancelled run, until retention takes the whole of it; and one that still runs."""
        await admit(store, "run-1", "run-2")
        await store.append(sealed_value("run-1", 2))
        await store.append(sealed_value("run-2", 2))
        await store.append(ended("run-1", 3, how))

        await forget(store, 9e8)

        assert (await sealed(store, "run-1"))[0] == b"sealed bytes"
        assert await sealed(store, "run-2") == [b"sealed bytes"]

    async def test_a_child_keeps_its_answer_for_its_parent(self, store: Store) -> None:
        """Until the parent has ended: it may not have read it yet."""
        await admit(store, "run-1")
        await admit(store, "child-1", "child-2", parent=Parent("run-1", "call", 1), workflow="child")
        await store.append(sealed_end("child-1", 2))
        await store.append(sealed_end("child-2", 2))

        await forget(store, 9e8)
        assert await sealed(store, "child-1") == [b"sealed bytes"]

        await store.append(ended("run-1", 2))
        await forget(store, 9e8)
        assert await sealed(store, "child-1") == [GONE]
        assert await state(store, "child-1") == "succeeded"

    async def test_a_long_journal_goes_whole(self, store: Store) -> None:
        """However many slices it takes; a run that runs again after it and seals anew is treated anew."""
        await admit(store, "run-1", "run-2")
        for seq in range(2, 400):
            store.append(sealed_value("run-1", seq))
        await store.append(sealed_end("run-1", 400))
        await store.append(ended("run-2", 2))
        await forget(store, 9e8)
        assert set(await sealed(store, "run-1")) == {GONE}

        again = append("run-1", 401, change=RunChange(state="running"))
        await store.append(msgspec.structs.replace(again, events=sealed_value("run-1", 401).events))
        await forget(store, 9e8)
        assert (await sealed(store, "run-1"))[-1] == b"sealed bytes"
        await store.append(ended("run-1", 402, output=b"1"))
        await forget(store, 9e8)
        assert (await sealed(store, "run-1"))[-2:] == [GONE, None]
