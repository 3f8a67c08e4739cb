"""Schedules, pauses and ends, over every store."""

from typing import Any

import pytest

from runner.ports import Admission, FiringRow, RunChange, Store
from runner.records import Firing
from runner.store.bounds import SCHEDULE_SECONDS
from tests.contracts.store.conftest import Reopen
from tests.contracts.store.made import admission, append

HOURLY = Firing("job", "id-1", 3600.0)


def fired(run: str, firing: Firing = HOURLY, *, boot: int = 1) -> Admission:
    """A run that a schedule starts."""
    return admission(run, boot=boot, firing=firing)


class TestFirings:
    async def test_one_scheduled_time_is_one_run(self, store: Store) -> None:
        """The second run of the same firing is the first one, in one batch and later."""
        assert (await store.admit(fired("r1"))).verdict == "running"
        again = await store.admit(fired("r2"))
        assert (again.verdict, again.run) == ("duplicate", "r1")
        assert await store.get("r2") is None
        assert (await store.admit(fired("r3", Firing("job", "id-1", 7200.0)))).verdict == "running"
        assert (await store.admit(fired("r4", Firing("job", "id-2", 3600.0)))).verdict == "running"

    async def test_it_survives_the_process(self, reopen: Reopen) -> None:
        """Opened anew, what fired is known, and how far each schedule was decided."""
        store = await reopen()
        await store.admit(fired("r1", boot=store.boot))
        store = await reopen()
        again = await store.admit(fired("r2", boot=store.boot))
        assert (again.verdict, again.run) == ("duplicate", "r1")
        assert await store.firings.marks() == {("job", "id-1"): 3600.0}
        (row,) = await store.firings.recent(["job"], 10)
        assert (row.outcome, row.run, row.scheduled_at) == ("fired", "r1", 3600.0)

    async def test_what_was_decided_starts_nothing(self, store: Store) -> None:
        """A time before the mark is a duplicate of nothing; the mark never goes back."""
        await store.firings.begin(Firing("job", "id-1", 5000.0))
        late = await store.admit(fired("r1"))
        assert (late.verdict, late.run) == ("duplicate", "")
        await store.firings.begin(Firing("job", "id-1", 10.0))
        assert await store.firings.marks() == {("job", "id-1"): 5000.0}

    async def test_a_schedule_of_long_ago_is_forgotten(self, store: Store) -> None:
        """With all that is told of it, once it decided nothing for over a year; others stay as they are."""
        await store.firings.record(FiringRow("old", "id-1", 1000.0, 1001.0, "missed", None, "", 2))
        await store.firings.record(FiringRow("job", "id-1", 2000.0, 2001.0, "missed", None, "", 2))

        while await store.forget(1000.0 + SCHEDULE_SECONDS):
            pass

        assert await store.firings.marks() == {("job", "id-1"): 2000.0}
        assert (await store.firings.recent(["old"], 10), len(await store.firings.recent(["job"], 10))) == ([], 1)

    async def test_what_was_not_made_is_told(self, store: Store) -> None:
        """A row says why; the newest come first; the mark is where the row is."""
        await store.firings.record(FiringRow("job", "id-1", 3600.0, 3601.0, "refused", None, "its queue is full"))
        await store.firings.record(FiringRow("job", "id-1", 9000.0, 9001.0, "missed", None, "catch_up: none", 2))
        rows = await store.firings.recent(["job"], 10)
        assert [(row.outcome, row.count, row.message) for row in rows] == [
            ("missed", 2, "catch_up: none"),
            ("refused", 1, "its queue is full"),
        ]
        assert await store.firings.marks() == {("job", "id-1"): 9000.0}
        assert await store.firings.recent(["other"], 10) == []

    async def test_the_last_ones_of_many_schedules_are_one_question(self, store: Store) -> None:
        """As many of each schedule as asked for, of the workflows asked for, however often another one fires."""
        for number in range(1, 9):
            await store.firings.record(FiringRow("a", "often", float(number), float(number), "ignored"))
        for name, trigger in (("a", "seldom"), ("b", "often"), ("c", "often")):
            await store.firings.record(FiringRow(name, trigger, 2.0, 2.0, "ignored"))
        rows = await store.firings.recent(["a", "b", "none"], 2)
        assert [(row.workflow, row.trigger, row.scheduled_at) for row in rows] == [
            ("a", "often", 8.0), ("a", "often", 7.0), ("a", "seldom", 2.0), ("b", "often", 2.0),
        ]  # fmt: skip

    async def test_the_newest_two_hundred_are_kept(self, store: Store) -> None:
        """A schedule of every second fills no disk."""
        for number in range(220):
            await store.firings.record(FiringRow("job", "id-1", float(number), float(number), "ignored"))
        rows = await store.firings.recent(["job"], 1000)
        assert [rows[0].scheduled_at, rows[-1].scheduled_at, len(rows)] == [219.0, 20.0, 200]


class TestPauses:
    async def test_a_pause_survives_and_ends(self, reopen: Reopen) -> None:
        """Who paused first stands there until it is resumed."""
        store = await reopen()
        await store.firings.pause("job", "ann")
        await store.firings.pause("job", "bob")
        store = await reopen()
        assert {name: paused.by for name, paused in (await store.firings.paused()).items()} == {"job": "ann"}
        await store.firings.resume("job")
        assert await store.firings.paused() == {}


class TestEndings:
    async def end(self, store: Store, run: str, state: Any) -> None:
        await store.admit(admission(run))
        await store.append(append(run, 2, change=RunChange(state=state, ended_at=1.0)))

    async def test_ends_are_kept_in_their_order_while_somebody_watches(self, reopen: Reopen) -> None:
        """With the failures in a row before each; those before the watch began are not; a crash keeps them."""
        store = await reopen()
        await self.end(store, "r0", "failed")
        store.firings.watch_endings(watched=True)
        for number, state in enumerate(("failed", "failed", "cancelled", "succeeded", "succeeded"), 1):
            await self.end(store, f"r{number}", state)
        found = [(each.run, each.state, each.failures) for each in await store.firings.endings(10)]
        assert found == [
            ("r1", "failed", 1),
            ("r2", "failed", 2),
            ("r3", "cancelled", 3),
            ("r4", "succeeded", 3),
            ("r5", "succeeded", 0),
        ]
        store = await reopen()
        endings = await store.firings.endings(2)
        assert [each.run for each in endings] == ["r1", "r2"]
        await store.firings.forget(endings[-1].number)
        assert [each.run for each in await store.firings.endings(10)] == ["r3", "r4", "r5"]


@pytest.mark.parametrize("outcome", ["fired", "ignored", "refused", "missed"])
async def test_every_outcome_is_stored(store: Store, outcome: Any) -> None:
    """As it was given."""
    row = FiringRow("job", "id-1", 1.0, 2.0, outcome, "r1" if outcome == "fired" else None, "why")
    await store.firings.record(row)
    assert await store.firings.recent(["job"], 1) == [row]
