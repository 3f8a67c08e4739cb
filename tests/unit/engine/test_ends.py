"""How a run ended is told from memory: neither a queue nor a wait asks the store for what it has just written."""

from collections.abc import Sequence
from typing import NoReturn

import anyio
import pytest

from runner.engine.admission import Submission
from runner.engine.dispatcher import Awaited
from runner.engine.limits import EngineLimits
from runner.errors import RefusedError, StoreError
from runner.events import Ended
from runner.expressions.labels import Labelled
from runner.ports import Admitted, Call, JournalRow, RunRow
from runner.store.memory import MemoryStore
from runner.testing import FakeClock
from tests.unit.engine.fakes import WorkConfig
from tests.unit.engine.harness import Engine, open_engine, settled

ECHO = "inputs: {n: {type: integer}}\nactions: [{id: a, type: work, config: {value: $input.n}}]\noutput: $action.a"


class Unread(MemoryStore):
    """A store that nobody may ask for a run."""

    async def read(
        self,
        run: str,
        *,
        after: int = 0,
        most: int | None = None,
    ) -> Sequence[JournalRow]:
        """Refuse."""
        return _unread(run)

    async def get(self, run: str) -> RunRow | None:
        """Refuse."""
        return _unread(run)

    async def end(self, run: str) -> Ended | None:
        """Refuse."""
        return _unread(run)


def _unread(run: str) -> NoReturn:
    raise AssertionError(f"run {run} was read")


async def _submitted(engine: Engine, n: int) -> Awaited:
    return await engine.dispatcher.submit_awaited(Submission(workflow="flow", inputs=Labelled({"n": n})))


async def test_a_run_goes_from_the_queue_to_its_end_unread() -> None:
    """More than there are slots, each waited for: what a claim brings is enough."""
    gate = anyio.Event()

    async def answer(config: WorkConfig, call: Call) -> object:
        await gate.wait()
        return config.value

    async with open_engine(store=Unread(), answer=answer, limits=EngineLimits(max_concurrent_runs=2)) as engine:
        engine.add(ECHO)
        awaited = [await _submitted(engine, n) for n in range(20)]
        assert {each.admitted.verdict for each in awaited} == {"running", "queued"}
        gate.set()

        ends = [await engine.dispatcher.end(each) for each in awaited]

        assert [(end.state, end.output and bytes(end.output.json or b"")) for end in ends] == [
            ("succeeded", str(n).encode()) for n in range(20)
        ]


async def test_a_duplicate_is_told_how_the_first_has_ended() -> None:
    """Which nobody in memory knows any more; an unknown run is refused."""
    async with open_engine() as engine:
        engine.add(ECHO)
        first = await _submitted(engine, 7)
        ended = await engine.dispatcher.end(first)

        assert await engine.dispatcher.end(Awaited(Admitted("duplicate", first.admitted.run), None)) == ended
        with pytest.raises(RefusedError, match="no run"):
            await engine.dispatcher.end(Awaited(Admitted("duplicate", "nobody"), None))


async def test_who_waits_for_a_run_that_rests_hears_its_end() -> None:
    """It leaves memory without an end first; and one that ended without going through memory is read."""
    clock = FakeClock()
    async with open_engine(clock=clock) as engine:
        engine.add("actions: [{id: rest, type: wait, config: {for: 1h}}]\noutput: $run.id")
        awaited = await engine.dispatcher.submit_awaited(Submission(workflow="flow"))
        ends: list[Ended] = []

        async def wait() -> None:
            ends.append(await engine.dispatcher.end(awaited))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            while engine.dispatcher.live:
                await settled()
            assert not ends
            await clock.advance(3601)

        assert [end.state for end in ends] == ["succeeded"]


async def test_a_journal_without_an_end_is_an_error() -> None:
    """The row says that it has ended, and nothing says how."""

    class Lost(MemoryStore):
        async def end(self, run: str) -> Ended | None:
            return None

    async with open_engine(store=Lost()) as engine:
        engine.add(ECHO)
        first = await _submitted(engine, 1)
        await engine.dispatcher.end(first)

        with pytest.raises(StoreError, match="does not say how"):
            await engine.dispatcher.end(Awaited(Admitted("duplicate", first.admitted.run), None))


async def test_what_a_run_in_memory_has_parked_comes_due_in_time() -> None:
    """One action waits ten seconds while another goes on: the wait ends then, and not when somebody looks by chance."""
    clock, gate = FakeClock(), anyio.Event()

    async def answer(config: WorkConfig, call: Call) -> object:
        await gate.wait()
        return config.value

    async with open_engine(clock=clock, answer=answer) as engine:
        engine.add(
            """
            actions:
              - {id: long, type: work, needs: [], config: {value: 1}}
              - {id: rest, type: wait, needs: [], config: {for: 10s}}
              - {id: after, type: set, needs: [rest], config: 1}
            """
        )
        await clock.sleeping()
        run = await engine.start()
        await settled()
        await clock.advance(10.5)
        await settled()

        assert "after" in {getattr(event, "place", "") for _, event in engine.events.seen}
        gate.set()
        assert (await engine.ended(run)).state == "succeeded"
