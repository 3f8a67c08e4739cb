"""Admission to a store: verdicts over limits, keys and deduplication; what a claim lets go, and when."""

import asyncio
from typing import Any, ClassVar

import pytest

from runner.events import Parent
from runner.ports import Admitted, Claimed, Reopening, RunChange, Store
from runner.testing import FakeClock
from tests.contracts.store.conftest import Reopen
from tests.contracts.store.made import WORKFLOW, admission, admit, append, claim, ended, state


class TestVerdicts:
    async def test_a_run_without_a_limit_runs_or_waits_for_the_dispatcher(self, store: Store) -> None:
        """With `start` it runs from its acceptance on, without it is queued however many run."""
        assert await admit(store, "run-1", "run-2") == ["running", "running"]
        assert await admit(store, "run-3", start=False) == ["queued"]

        first, third = await store.get("run-1"), await store.get("run-3")
        assert first is not None
        assert third is not None
        assert (first.state, first.accepted_at, first.started_at) == ("running", 100.0, 100.0)
        assert (third.state, third.accepted_at, third.started_at) == ("queued", 100.0, None)
        assert (first.was_queued, third.was_queued) == (False, True)
        await claim(store)
        claimed = await store.get("run-3")
        assert claimed is not None
        assert claimed.was_queued

    async def test_a_limit_counts_running_and_waiting_runs(self, store: Store) -> None:
        """Two run, one of them only waits; the third is queued, and another workflow is none of its business."""
        assert await admit(store, "run-1", "run-2", "run-3", limit=2) == ["running", "running", "queued"]
        await store.append(append("run-1", 2, waiting=True))

        assert await admit(store, "run-4", limit=2) == ["queued"]
        assert await admit(store, "run-5", limit=2, workflow="other") == ["running"]

    async def test_each_key_has_a_limit_of_its_own(self, store: Store) -> None:
        """One at a time per customer; no key at all is a key of its own, and so is the empty one."""
        for key in ("ann", "bob", None, ""):
            assert await admit(store, f"run-{key}-1", f"run-{key}-2", limit=1, key=key) == ["running", "queued"]

    async def test_a_full_queue_turns_away(self, store: Store) -> None:
        """`max_queued` bounds those whom the limit holds; a run that is turned away leaves nothing behind."""
        verdicts = await admit(store, "run-1", "run-2", "run-3", "run-4", limit=1, max_queued=2)

        assert verdicts == ["running", "queued", "queued", "full"]
        assert await store.get("run-4") is None
        assert await store.read("run-4") == []

    async def test_skip_turns_away_at_once(self, store: Store) -> None:
        """`when_full: skip` never queues, but a run that waits for the dispatcher only is not skipped."""
        asked: dict[str, Any] = {"limit": 1, "when_full": "skip"}

        assert await admit(store, "run-1", start=False, **asked) == ["queued"]
        assert await admit(store, "run-2", **asked) == ["skipped"]
        await claim(store)
        await store.append(ended("run-1", 2))
        assert await admit(store, "run-3", **asked) == ["running"]
        assert await store.get("run-2") is None

    async def test_a_child_does_not_wait_for_its_ancestors(self, store: Store) -> None:
        """A lane in which an ancestor has a place never holds the child back; a stranger's lane does."""
        await admit(store, "run-1", limit=1)
        await admit(store, "run-2", workflow="between", limit=1, parent=Parent("run-1", "call", 1))
        grandchild = Parent("run-2", "call", 2)

        assert await admit(store, "run-3", limit=1, parent=grandchild) == ["running"]
        assert await admit(store, "run-4", limit=1, parent=grandchild, when_full="skip") == ["running"]
        assert await admit(store, "run-5", limit=1) == ["queued"]
        await admit(store, "run-6", workflow="busy", limit=1)
        assert await admit(store, "run-7", workflow="busy", limit=1, parent=grandchild) == ["queued"]

    async def test_an_id_is_accepted_once(self, store: Store) -> None:
        """A resumed parent asks for the child it has started before and is given that one."""
        await admit(store, "child", parent=Parent("run-1", "call[3]", 1))

        assert await store.admit(admission("child", limit=1, when_full="skip")) == Admitted("duplicate", "child")
        assert len(await store.read("child")) == 1


class TestSuperseding:
    ASKED: ClassVar[dict[str, Any]] = {"limit": 2, "when_full": "cancel_running"}

    async def test_a_newcomer_supersedes_all_but_the_newest(self, store: Store) -> None:
        """With a limit of two it leaves one other, whether that runs or is queued; each is named once."""
        await admit(store, "run-9", start=False, **self.ASKED)
        await admit(store, "run-2", **self.ASKED)

        for run, superseded in [("run-7", ("run-9",)), ("run-4", ("run-2",)), ("run-5", ("run-7",))]:
            assert await store.admit(admission(run, **self.ASKED)) == Admitted("queued", run, superseded)
        assert await store.superseded() == ["run-2", "run-7", "run-9"]

    async def test_newcomers_of_one_batch_supersede_each_other(self, store: Store) -> None:
        """Each is decided over the lane as those before it leave it; another lane is none of their business."""
        await admit(store, "run-0", limit=1, workflow="other")
        asked: dict[str, Any] = {"limit": 1, "when_full": "cancel_running"}

        admitted = await asyncio.gather(*(store.admit(admission(f"run-{number}", **asked)) for number in (1, 2, 3)))

        assert admitted == [
            Admitted("running", "run-1"),
            Admitted("queued", "run-2", ("run-1",)),
            Admitted("queued", "run-3", ("run-2",)),
        ]
        assert await store.superseded() == ["run-1", "run-2"]

    async def test_a_superseded_run_is_let_go_no_more(self, store: Store) -> None:
        """It keeps a place that it has taken until it ends; the latest goes before those that are held in front of it."""
        await admit(store, "run-1", "run-2", "run-3", limit=1, when_full="cancel_running")

        assert await claim(store) == []
        await store.append(ended("run-1", 2, "cancelled"))
        assert await claim(store) == ["run-3"]
        await store.append(ended("run-2", 2, "cancelled"))
        assert await store.superseded() == []
        assert await admit(store, "run-4", limit=1) == ["queued"]

    async def test_superseded_ones_fill_no_queue(self, store: Store) -> None:
        """However many come at once, there is room for the latest."""
        runs = [f"run-{number}" for number in range(9)]

        verdicts = await admit(store, *runs, limit=1, max_queued=1, when_full="cancel_running")

        assert verdicts == ["running"] + ["queued"] * 8

    async def test_what_is_superseded_is_known_after_a_start(self, reopen: Reopen) -> None:
        """It is on disk with the newcomer's acceptance: a kill in between leaves nobody running on."""
        await admit(await reopen(), "run-1", "run-2", limit=1, when_full="cancel_running")

        assert await (await reopen()).superseded() == ["run-1"]

    async def test_a_run_that_goes_on_again_supersedes_and_is_superseded(self, store: Store) -> None:
        """A rerun asks for a place as a newcomer does; it begins with no older one's end before it."""
        await admit(store, "run-1", "run-2", limit=1, when_full="cancel_running")
        await store.append(ended("run-1", 2, "cancelled"))
        assert await claim(store) == ["run-2"]

        again = Reopening(append=append("run-1", 3), when_full="cancel_running")

        assert await store.reopen(again) == Admitted("queued", "run-1", ("run-2",))
        assert await store.superseded() == ["run-2"]


class TestDeduplication:
    async def test_a_key_stands_for_the_first_run(self, store: Store) -> None:
        """As long as it lives every other run of the workflow with it is the first one; after that there is a new first."""
        await admit(store, "run-1", dedupe="order-7", dedupe_until=150.0)

        for at, answer in [
            (149.0, ("duplicate", "run-1")),
            (150.0, ("running", "run-2")),
            (151.0, ("duplicate", "run-2")),
        ]:
            asked = admission("run-2" if at == 150.0 else "run-9", at=at, dedupe="order-7", dedupe_until=200.0)
            admitted = await store.admit(asked)
            assert (admitted.verdict, admitted.run) == answer
        assert await admit(store, "run-3", workflow="other", dedupe="order-7") == ["running"]
        assert await admit(store, "run-4", dedupe="order-8") == ["running"]

    async def test_a_key_without_end_stands_for_good(self, store: Store) -> None:
        """Also after the first run has ended."""
        await admit(store, "run-1", dedupe="k")
        await store.append(ended("run-1", 2))

        assert await store.admit(admission("run-2", at=9e9, dedupe="k")) == Admitted("duplicate", "run-1")

    async def test_a_run_that_is_turned_away_takes_no_key(self, store: Store) -> None:
        """The next one with the key is the first."""
        await admit(store, "run-1", limit=1)
        assert await admit(store, "run-2", limit=1, when_full="skip", dedupe="k") == ["skipped"]

        assert await admit(store, "run-3", dedupe="k") == ["running"]


class TestClaims:
    async def test_the_oldest_go_first(self, store: Store, clock: FakeClock) -> None:
        """At most so many, marked as running from now on, with what is needed to go on with them."""
        parent = Parent("run-0", "call", 1)
        await admit(store, "run-3", "run-1", start=False)
        await admit(store, "run-2", start=False, parent=parent)

        assert await store.claim(1, 2) == [
            Claimed("run-1", "sync", WORKFLOW.revision, None, only=(await store.read("run-1"))[0]),
            Claimed("run-2", "sync", WORKFLOW.revision, parent, only=(await store.read("run-2"))[0]),
        ]
        row = await store.get("run-1")
        assert row is not None
        assert (row.state, row.started_at) == ("running", clock.wall())
        assert await claim(store) == ["run-3"]
        assert await claim(store) == []
        assert await store.claim(1, 0) == []

    async def test_a_limit_lets_go_whom_it_has_room_for(self, store: Store) -> None:
        """Of a lane as many as its limit, whoever else is queued; the next when one has ended."""
        await admit(store, "a-1", "a-2", "a-3", "a-4", limit=2, start=False, workflow="a")
        await admit(store, "b-1", "b-2", limit=1, start=False, workflow="b")
        await admit(store, "c-1", start=False, workflow="c")

        assert await claim(store) == ["a-1", "a-2", "b-1", "c-1"]
        assert await claim(store) == []
        await store.append(ended("a-2", 2))
        await store.append(ended("b-1", 2, "failed"))
        assert await claim(store) == ["a-3", "b-2"]

    async def test_a_queued_run_that_is_cancelled_makes_room(self, store: Store) -> None:
        """Whether it was held or might run already."""
        await admit(store, "run-1", "run-2", "run-3", "run-4", limit=1, start=False)

        await store.append(ended("run-3", 2, "cancelled"))
        await store.append(ended("run-1", 2, "cancelled"))

        assert await claim(store) == ["run-2"]
        await store.append(ended("run-2", 2))
        assert await claim(store) == ["run-4"]

    async def test_nobody_overtakes_in_a_lane(self, store: Store) -> None:
        """A run with a wider limit waits behind one with a narrower, then each goes by its own."""
        await admit(store, "run-1", "run-2", limit=1)
        await admit(store, "run-3", "run-4", limit=2)

        assert await claim(store) == []
        await store.append(ended("run-1", 2))
        assert await claim(store) == ["run-2", "run-3"]
        await store.append(ended("run-2", 2))
        assert await claim(store) == ["run-4"]

    async def test_a_run_that_goes_on_again_takes_its_place_again(self, store: Store) -> None:
        """An ended run that runs again counts, and one that is queued again waits for room."""
        await admit(store, "run-1", limit=1)
        await store.append(ended("run-1", 2, "failed"))

        await store.append(append("run-1", 3, change=RunChange(state="running")))
        assert await admit(store, "run-2", limit=1) == ["queued"]
        await store.append(ended("run-1", 4, "failed"))
        await store.append(append("run-1", 5, change=RunChange(state="queued")))
        assert await claim(store) == ["run-2"]
        assert await claim(store) == []
        await store.append(ended("run-2", 2))
        assert await claim(store) == ["run-1"]
        assert await state(store, "run-1") == "running"

    @pytest.mark.parametrize("most", [1, 7])
    async def test_every_queued_run_is_claimed_once(self, store: Store, most: int) -> None:
        """However many at a time."""
        runs = [f"run-{number:02}" for number in range(20)]
        await admit(store, *runs, start=False)

        claims: list[str] = []
        while some := await claim(store, most):
            assert len(some) <= most
            claims += some

        assert claims == runs
