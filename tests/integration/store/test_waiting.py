"""Many runs that only wait, on the store on disk: rows, with no slot, no task and no object, beside work that goes on."""

import asyncio
import gc
import os
from pathlib import Path
from typing import Any, cast

from runner.clock import SystemClock
from runner.engine.limits import EngineLimits
from runner.engine.run import Conductor
from runner.ports import RunFilter
from runner.store.memory import MemoryStore
from runner.store.sqlite import open_store
from tests.unit.engine.harness import open_engine

WAITING = int(os.environ.get("RUNNER_TEST_WAITING", "300"))
"""Runs in `wait: 1h`; 5,000 are what is promised."""

PARENTS = int(os.environ.get("RUNNER_TEST_PARENTS", "60"))
"""Parents that wait for a child, on half as many slots; 200 are what is promised."""


async def test_new_work_goes_on_beside_thousands_that_wait(tmp_path: Path) -> None:
    """All of them wait at once on ten slots; new runs end, and nothing of those that wait is in memory."""
    limits = EngineLimits(max_concurrent_runs=10, queued_runs=WAITING)
    async with open_store(tmp_path / "runs.db") as store, _engine(store, limits) as engine:
        engine.add("actions: [{id: w, type: wait, config: {for: 1h}}]", "waits")
        engine.add("actions: [{id: a, type: work, config: {value: 1}}]\noutput: $action.a", "works")
        await engine.ended(await engine.start("works"))
        await asyncio.gather(*(engine.start("waits") for _ in range(WAITING)))
        while any(not row.waiting for row in await store.find(RunFilter(workflow="waits", limit=WAITING))):
            await engine.ended(await engine.start("works"))  # slots are given in turn: this one comes after them
        runs = await asyncio.gather(*(engine.start("works") for _ in range(20)))
        rows = [await engine.ended(run) for run in runs]

        assert [row.output for row in rows] == [b"1"] * 20
        assert (await store.counts())["running"] == WAITING
        assert engine.dispatcher.live == 0
        gc.collect()
        assert not any(isinstance(each, Conductor) for each in gc.get_objects())


async def test_parents_that_wait_for_children_block_nobody(tmp_path: Path) -> None:
    """Twice as many parents as there are slots, and each child needs one of these: all end."""
    limits = EngineLimits(max_concurrent_runs=PARENTS // 2, queued_runs=4 * PARENTS)
    async with open_store(tmp_path / "runs.db") as store, _engine(store, limits) as engine:
        engine.add("actions: [{id: a, type: work, config: {value: 7}}]\noutput: $action.a", "child")
        engine.add("actions: [{id: call, type: workflow, config: {name: child}}]\noutput: $action.call", "parent")
        runs = await asyncio.gather(*(engine.start("parent") for _ in range(PARENTS)))
        rows = [await engine.ended(run) for run in runs]

        assert [row.output for row in rows] == [b"7"] * PARENTS
        assert await store.counts() == {"succeeded": 2 * PARENTS}
        assert engine.dispatcher.live == 0


def _engine(store: Any, limits: EngineLimits) -> Any:
    return open_engine(store=cast("MemoryStore", store), limits=limits, clock=SystemClock())
