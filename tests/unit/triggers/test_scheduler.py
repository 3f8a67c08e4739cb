"""Schedules over an engine in memory: what is fired, what is told, what waits."""

import random

import anyio
import msgspec
import pytest
import structlog
from structlog.testing import capture_logs

from runner.clock import iso
from runner.errors import StoreDegradedError
from runner.records import FiringRow
from tests.unit.engine.harness import settled
from tests.unit.triggers.world import World, catalog, world

HOUR = 3600.0
HOURLY = """
triggers:
  - {type: schedule, config: {every: 1h, catch_up: all}}
actions:
  - {id: a, type: set, config: $trigger.scheduled_at}
output: $action.a
"""

OTHER = """
inputs: {n: {type: string}}
triggers:
  - {type: schedule, config: {every: 1h}, inputs: {n: $secret.GONE}}
actions:
  - {id: a, type: set, config: $input.n}
"""


def outputs(rows: list[object]) -> list[str]:
    """What the runs got."""
    return [msgspec.json.decode(row.output) for row in rows]  # type: ignore[attr-defined]  # rows of any store


async def test_a_new_schedule_begins_now() -> None:
    """Nothing of its past is made up for; the next firing is, and the run knows which one it is."""
    async with world(wall=100.0) as it:
        it.load(catalog(job=HOURLY))
        assert await it.scheduler.look() == pytest.approx(30.0)
        assert await it.at(HOUR - 10) == pytest.approx(10.0)
        await it.at(HOUR + 1)
        await it.at(HOUR + 2)
        await it.told()
        assert outputs(await it.runs("job")) == ["1970-01-01T01:00:00.000Z"]


async def test_what_was_due_before_it_was_known_is_not_made_up_for() -> None:
    """Loaded at half past ten, with `catch_up: all`: the ten firings before are none of its."""
    async with world(wall=10.5 * HOUR) as it:
        it.load(catalog(job=HOURLY))
        await it.scheduler.look()
        await it.at(11 * HOUR + 1)
        assert [row.scheduled_at for row in await it.firings("job")] == [11 * HOUR]


async def test_a_stop_over_three_firings_is_caught_up() -> None:
    """A process later fires what came due meanwhile, each once, though it may have been killed in the middle."""
    async with world(wall=100.0) as it:
        it.load(catalog(job=HOURLY))
        await it.scheduler.look()
        disk = it.engine.store
    for wall in (3 * HOUR + 200, 3 * HOUR + 300):
        disk = disk.crash()
        async with world(wall=wall, store=disk) as it:
            it.load(catalog(job=HOURLY))
            await it.scheduler.look()
            await it.told()
            assert [row.scheduled_at for row in await it.firings("job")] == [HOUR, 2 * HOUR, 3 * HOUR]
            assert len(await it.runs("job")) == 3


async def test_another_interval_is_another_schedule() -> None:
    """Changed from one hour to three nothing fires at once, nothing twice, and the next is the next third hour."""
    async with world(wall=100.0) as it:
        it.load(catalog(job=HOURLY))
        await it.scheduler.look()
        await it.at(HOUR + 1)
        it.load(catalog(job=HOURLY.replace("1h", "3h")))
        await it.at(HOUR + 2)
        await it.at(2 * HOUR + 1)
        assert [row.scheduled_at for row in await it.firings("job")] == [HOUR]
        await it.at(3 * HOUR + 1)
        assert [row.scheduled_at for row in await it.firings("job")] == [HOUR, 3 * HOUR]


async def test_editing_an_action_resets_nothing() -> None:
    """The schedule is the same one: what came due while the file was changed is caught up."""
    async with world(wall=100.0) as it:
        it.load(catalog(job=HOURLY))
        await it.scheduler.look()
        it.load(catalog(job=HOURLY.replace("id: a", "id: b").replace("$action.a", "$action.b")))
        await it.at(2 * HOUR + 1)
        assert [row.scheduled_at for row in await it.firings("job")] == [HOUR, 2 * HOUR]


async def test_a_clock_put_back_fires_nothing_twice() -> None:
    """Two hours back and forth again: the hours between were made before."""
    async with world(wall=100.0) as it:
        it.load(catalog(job=HOURLY))
        await it.scheduler.look()
        for wall in (3 * HOUR + 1, HOUR + 1, 2 * HOUR + 1, 3 * HOUR + 2, 4 * HOUR + 1):
            await it.at(wall)
        assert [row.scheduled_at for row in await it.firings("job")] == [HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR]
        await it.told()
        assert len(await it.runs("job")) == 4


async def test_what_is_missed_is_told() -> None:
    """With `none`, five hours asleep are one row that says so, and no run."""
    async with world(wall=100.0) as it:
        it.load(catalog(job=HOURLY.replace("all", "none")))
        await it.scheduler.look()
        await it.at(5 * HOUR + 120)
        (row,) = await it.firings("job")
        assert (row.outcome, row.count, row.scheduled_at) == ("missed", 5, 5 * HOUR)
        assert row.message == "5 missed while nobody looked (catch_up: none)"
        assert await it.runs("job") == []


@pytest.mark.parametrize("catch_up", ["none", "latest", "all"])
async def test_a_clock_that_steps_leaves_none_silent(catch_up: str) -> None:
    """Twelve hours of each minute, back and forth by up to three: each is a run or in one row and line that says so."""
    dice, rows, least = random.Random(5), dict[float, FiringRow](), 720
    text = HOURLY.replace("every: 1h, catch_up: all", f"every: 1m, catch_up: {catch_up}")
    structlog.reset_defaults()
    async with world(wall=30.0) as it:
        it.load(catalog(job=text))
        wall = 30.0
        with capture_logs() as said:
            while not rows or max(rows) < least * 60:
                await it.at(wall)
                rows |= {row.scheduled_at: row for row in await it.firings("job")}
                wall += 60 + (dice.uniform(-10_800, 10_800) if dice.random() < 0.03 else 0)
        await it.told()
        runs = outputs(await it.runs("job"))
    told = [
        row.scheduled_at - 60.0 * number
        for row in rows.values()
        if row.outcome == "missed"
        for number in range(row.count)
    ]
    fired = [row.scheduled_at for row in rows.values() if row.outcome == "fired"]
    assert sorted(told + fired) == [60.0 * number for number in range(1, len(told + fired) + 1)]
    assert sorted(runs) == [iso(each) for each in sorted(fired)]
    missed = [str(row.count) for row in rows.values() if row.outcome == "missed"]
    assert [line["firings"] for line in said if line["event"] == "firings missed"] == missed
    assert len(missed) >= 2


async def test_if_and_inputs_are_computed_of_the_firing() -> None:
    """A false `if` is a row that says so; inputs may use the scheduled time and the last run's output."""
    text = """
    inputs: {since: {type: string}}
    triggers:
      - type: schedule
        config: {every: 1h, catch_up: all}
        if: $trigger.scheduled_at != '1970-01-01T02:00:00.000Z'
        inputs: {since: "{{ $last.output | default('never') }}"}
    actions:
      - {id: a, type: set, config: $trigger.scheduled_at}
      - {id: b, type: set, config: $input.since}
    output: $action.a
    """
    async with world(wall=100.0) as it:
        it.load(catalog(job=text))
        await it.scheduler.look()
        for hour in (1, 2, 3):
            await it.at(hour * HOUR + 1)
            await it.told()
        assert [row.outcome for row in await it.firings("job")] == ["fired", "ignored", "fired"]
        journal = await it.engine.journal((await it.runs("job"))[-1].id)
        assert msgspec.json.decode(journal[0].inputs.json) == {"since": "1970-01-01T01:00:00.000Z"}


async def test_what_cannot_be_accepted_is_told() -> None:
    """Inputs that cannot be computed, a limit that is taken: rows that say why, and the next firing is tried."""
    text = """
    concurrency: {limit: 1, when_full: skip}
    triggers:
      - {type: schedule, config: {every: 1h}}
    actions:
      - {id: a, type: wait, config: {for: 90m}}
    """
    async with world(wall=100.0) as it:
        it.load(catalog(job=text, other=OTHER))
        await it.scheduler.look()
        await it.at(HOUR + 1)
        await it.at(2 * HOUR + 1)
        rows = await it.firings("job")
        assert [row.outcome for row in rows] == ["fired", "refused"]
        assert "when_full: skip" in rows[1].message
        assert [row.message for row in await it.firings("other")] == ["there is no secret GONE"] * 2


async def test_a_full_disk_leaves_it_undecided() -> None:
    """While the disk refuses nothing is decided; once it is mended the firing is made."""
    async with world(wall=100.0) as it:
        it.load(catalog(job=HOURLY))
        await it.scheduler.look()
        it.engine.store.break_disk()
        with pytest.raises(StoreDegradedError):
            await it.at(HOUR + 1)
        it.engine.store.mend_disk()
        await it.scheduler.look()
        assert [row.outcome for row in await it.firings("job")] == ["fired"]


async def test_a_daemon_that_stops_leaves_it_to_the_next() -> None:
    """While draining nothing is decided."""
    async with world(wall=100.0) as it:
        it.load(catalog(job=HOURLY))
        await it.scheduler.look()
        await it.engine.dispatcher.drain(0)
        await it.at(HOUR + 1)
        assert await it.firings("job") == []


class TestPause:
    async def test_a_paused_workflow_fires_later(self) -> None:
        """Nothing fires while it is paused; resumed, what was missed follows `catch_up`."""
        async with world(wall=100.0) as it:
            it.load(catalog(job=HOURLY))
            await it.scheduler.look()
            await it.pauses.pause("job", "ann")
            await it.at(2 * HOUR + 1)
            assert await it.firings("job") == []
            await it.pauses.resume("job")
            await it.scheduler.look()
            assert [row.scheduled_at for row in await it.firings("job")] == [HOUR, 2 * HOUR]

    async def test_it_survives_and_is_started_by_hand(self) -> None:
        """A new process knows the pause; a person may start it all the same."""
        async with world() as it:
            await it.pauses.pause("job", "ann")
            disk = it.engine.store.crash()
        async with world(store=disk) as it:
            it.load(catalog(job=HOURLY))
            assert "job" in it.pauses
            run = await it.engine.start("job", {})
            assert (await it.engine.ended(run)).state == "failed"  # by hand there is no scheduled time


async def test_the_watch_sleeps_until_the_next_is_due() -> None:
    """Left alone it fires each of a hundred firings at its time, and none before."""
    async with world(wall=100.0) as it:
        it.load(catalog(job=HOURLY.replace("1h", "10s")))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(it.scheduler.watch)
            await it.clock.sleeping(2)
            await _pass(it, 1000)
            tasks.cancel_scope.cancel()
        rows = await it.firings("job")
        assert [row.scheduled_at for row in rows] == [110.0 + 10 * number for number in range(len(rows))]
        assert len(rows) in {99, 100}
        assert all(0 <= row.at - row.scheduled_at < 1.5 for row in rows)


async def _pass(it: World, seconds: int) -> None:
    for _ in range(seconds):
        await it.clock.advance(1)
        await settled()
