"""`run` triggers over an engine in memory."""

import msgspec
import pytest

from tests.unit.triggers.world import World, catalog, world

FAILS = """
inputs: {fail: {type: boolean, default: true}}
actions:
  - {id: a, type: stop, if: $input.fail, config: {error: broken}}
"""
TELLS = """
triggers:
  - {type: run, config: {workflow: "*", state: STATE}}
actions:
  - {id: a, type: set, config: $trigger.run}
output: $action.a
"""


def tells(state: str = "failed", workflow: str = '"*"') -> str:
    """A workflow that tells of runs that ended so."""
    return TELLS.replace("STATE", state).replace('"*"', workflow)


async def ended(it: World, *, fail: bool, workflow: str = "job") -> None:
    """One run, whatever it brings about."""
    await it.engine.ended(await it.engine.start(workflow, {"fail": fail}))
    await it.told()


async def told(it: World, workflow: str = "tell") -> list[dict[str, object]]:
    """What it was told."""
    return [msgspec.json.decode(row.output) for row in await it.runs(workflow)]


async def test_one_file_tells_of_all_failures_and_recoveries() -> None:
    """Two failures, a recovery, a success: two and one, each with what a person wants to know."""
    async with world() as it:
        it.load(catalog(job=FAILS, tell=tells(), well=tells("recovered"), good=tells("succeeded", "job")))
        for fail in (True, True, False, False):
            await ended(it, fail=fail)
        failures = await told(it)
        assert [(each["workflow"], each["state"], each["error"]) for each in failures] == [
            ("job", "failed", "broken")
        ] * 2
        assert sorted(int(str(each["failures"])) for each in failures) == [0, 1]
        (recovered,) = await told(it, "well")
        assert (recovered["state"], recovered["failures"]) == ("recovered", 2)
        assert sorted(str(each["state"]) for each in await told(it, "good")) == ["recovered", "succeeded"]


@pytest.mark.parametrize(("names", "count"), [("job", 1), ("[other, job]", 1), ("other", 0), ('"*"', 1)])
async def test_by_name(names: str, count: int) -> None:
    """A name, a list of names, or all."""
    async with world() as it:
        it.load(catalog(job=FAILS, other=FAILS, tell=tells("failed", names)))
        await ended(it, fail=True)
        assert len(await told(it)) == count


async def test_nothing_goes_round() -> None:
    """Two that tell of all failures and fail themselves: each is started once a chain, then it is over."""
    failing = tells().replace("set, config: $trigger.run", 'stop, config: {error: "$trigger.run.workflow"}')
    failing = failing.replace("output: $action.a\n", "")
    async with world() as it:
        it.load(catalog(job=FAILS, one=failing, two=failing))
        await ended(it, fail=True)
        chains = [(row.workflow, row.error) for name in ("one", "two") for row in await it.runs(name)]
        assert sorted(chains) == [("one", "job"), ("one", "two"), ("two", "job"), ("two", "one")]


async def test_a_kill_between_an_end_and_its_telling_loses_nothing() -> None:
    """Killed after the end, and again after the telling before it was forgotten: one run."""
    files = catalog(job=FAILS, tell=tells())
    async with world() as it:
        it.load(files)
        await it.engine.ended(await it.engine.start("job", {"fail": True}))
        disk = it.engine.store.crash()
    async with world(store=disk) as it:
        it.load(files)
        assert len(await disk.firings.endings(10)) == 1
        kept = list(disk.tables.firings.endings)
        await it.told()
        assert len(await told(it)) == 1
        disk.tables.firings.endings.extend(kept)
        disk = disk.crash()
    async with world(store=disk) as it:
        it.load(files)
        await it.told()
        assert len(await told(it)) == 1


async def test_where_nobody_waits_no_end_is_kept() -> None:
    """Without such a trigger, and once it is gone."""
    async with world() as it:
        it.load(catalog(job=FAILS))
        await ended(it, fail=True)
        assert await it.engine.store.firings.endings(10) == []
        it.load(catalog(job=FAILS, tell=tells()))
        await ended(it, fail=True)
        assert len(await told(it)) == 1


async def test_a_paused_one_is_not_told() -> None:
    """What ends meanwhile is not made up for."""
    async with world() as it:
        it.load(catalog(job=FAILS, tell=tells()))
        await it.pauses.pause("tell", "ann")
        await ended(it, fail=True)
        await it.pauses.resume("tell")
        await it.told()
        assert await told(it) == []


async def test_if_decides_too() -> None:
    """Only the third failure in a row and each later one."""
    text = tells().replace("state: failed}}", "state: failed}, if: $trigger.run.failures >= 2}")
    async with world() as it:
        it.load(catalog(job=FAILS, tell=text))
        for _ in range(4):
            await ended(it, fail=True)
        assert sorted(int(str(each["failures"])) for each in await told(it)) == [2, 3]
