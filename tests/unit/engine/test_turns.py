"""What is fixed when a run starts, for one that was queued first: `$last`, `$run.failures`, `$run.started_at`, its time."""

from typing import Any

import anyio
import msgspec
import pytest

from runner.events import Cancelling, Turn
from runner.ports import Call
from runner.store.memory import MemoryStore
from runner.testing import FakeClock
from tests.unit.engine.fakes import WorkConfig
from tests.unit.engine.harness import open_engine, settled

COUNTS = """
concurrency: 1
actions:
  - {id: a, type: work, config: {value: "{{ $last.output | default(0) }}"}}
output: "{{ $action.a + 1 }}"
"""


async def test_a_queued_run_sees_the_success_before_it() -> None:
    """Three are accepted before the first has ended: each goes on from the one before, as if it had come later."""
    gate = anyio.Event()

    async def answer(config: WorkConfig, call: Call) -> Any:
        await gate.wait()
        return config.value

    async with open_engine(answer=answer) as engine:
        engine.add(COUNTS)
        runs = [await engine.start() for _ in range(3)]
        await settled()
        gate.set()
        outputs = [msgspec.json.decode((await engine.ended(run)).output) for run in runs]
        turns = [sum(isinstance(event, Turn) for event in await engine.journal(run)) for run in runs]

    assert sorted(outputs) == [1, 2, 3], "those of one millisecond go in the order of their ids"
    assert turns == [0, 1, 1]


async def test_it_is_fixed_once() -> None:
    """A recovery gives the same, though others have succeeded in between; it was on disk before anything was made of it."""
    store, hung = MemoryStore(), anyio.Event()
    seen: list[Any] = []

    async def answer(config: WorkConfig, call: Call) -> Any:
        seen.append(config.value)
        if len(seen) == 2:
            journal = [event for row in await store.read(call.run) for event in row.events]
            assert any(isinstance(event, Turn) for event in journal)
            hung.set()
            await anyio.sleep_forever()
        return config.value

    async with open_engine(answer=answer, store=store) as engine:
        engine.add(COUNTS)
        await engine.start()
        queued = await engine.start()
        await hung.wait()
    store.tables.last["flow"] = ""
    del store.tables.last["flow"]
    async with open_engine(answer=answer, store=store.crash()) as engine:
        await engine.dispatcher.recover()
        row = await engine.ended(queued)

    assert seen == [0, 1, 1]
    assert row.output == b"2"


@pytest.mark.parametrize("value", ["$run.started_at", "1"])
async def test_its_time_begins_with_its_turn(value: str) -> None:
    """An hour in the queue is no part of its `timeout`, whatever else it asks for, and `$run.started_at` is the turn's."""
    clock, gates = FakeClock(), [anyio.Event(), anyio.Event()]
    opened = iter(gates)

    async def answer(config: WorkConfig, call: Call) -> Any:
        await next(opened).wait()
        return config.value

    async with open_engine(answer=answer, clock=clock) as engine:
        engine.add(
            "concurrency: 1\ntimeout: 90m\noutput: $action.a\n"
            f"actions: [{{id: a, type: work, config: {{value: {value}}}}}]"
        )
        first, second = await engine.start(), await engine.start()
        await clock.advance(3600.0)
        gates[0].set()
        await engine.ended(first)
        await settled()
        await clock.advance(3600.0)
        gates[1].set()
        rows = [await engine.ended(run) for run in (first, second)]

    assert [row.state for row in rows] == ["succeeded", "succeeded"]
    assert (rows[0].output == rows[1].output) == (value == "1")


@pytest.mark.parametrize("uses", ["$last.id", "$run.failures", "$run.started_at", "1"])
async def test_only_a_run_that_asks_for_it_has_the_event(uses: str) -> None:
    """A queued run that names none of it costs no row more."""
    gate = anyio.Event()

    async def answer(config: WorkConfig, call: Call) -> Any:
        await gate.wait()

    async with open_engine(answer=answer) as engine:
        engine.add(
            "concurrency: 1\nactions:\n  - {id: a, type: work, config: {}}\n"
            f"  - {{id: b, type: set, config: '{{{{ {uses} | default(0) }}}}'}}"
        )
        await engine.start()
        run = await engine.start()
        gate.set()
        await engine.ended(run)

        assert any(isinstance(event, Turn) for event in await engine.journal(run)) == (uses != "1")


async def test_a_run_that_is_cancelled_in_the_queue_begins_nothing() -> None:
    """Its turn is taken for its `finally` alone."""
    gate = anyio.Event()

    async def answer(config: WorkConfig, call: Call) -> Any:
        await gate.wait()
        return 1

    async with open_engine(answer=answer) as engine:
        engine.add(COUNTS)
        await engine.start()
        queued = await engine.start()
        engine.dispatcher.cancel(queued)
        assert (await engine.ended(queued)).state == "cancelled"
        events = await engine.journal(queued)
        gate.set()

    assert [type(event) for event in events[1:3]] == [Turn, Cancelling]
    assert engine.work.count("a") == 1
