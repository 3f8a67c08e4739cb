"""A run between its acceptance and its start: superseded by newer ones, its caller gone, cut off and woken."""

import asyncio
from typing import Any

import anyio
import pytest

from runner.engine.admission import Submission
from runner.events import Cancelling, Recovered
from runner.ports import Call
from runner.store.memory import MemoryStore
from runner.testing import FakeClock
from tests.unit.engine.fakes import WorkConfig
from tests.unit.engine.harness import Engine, open_engine, settled

ONE = "actions: [{id: a, type: work, config: {value: 1}}]"


async def hang(config: WorkConfig, call: Call) -> Any:
    """Work that does not come to an end by itself."""
    await anyio.sleep_forever()


class TestSuperseding:
    @pytest.mark.parametrize("limit", [1, 2])
    async def test_the_latest_win(self, limit: int) -> None:
        """Of many newcomers at once the newest are carried out; all others are cancelled as `newer`, queued ones too."""
        gate = anyio.Event()

        async def answer(config: WorkConfig, call: Call) -> Any:
            await gate.wait()

        async with open_engine(answer=answer) as engine:
            engine.add(f"concurrency: {{limit: {limit}, when_full: cancel_running, max_queued: 2}}\n{ONE}")
            runs = await asyncio.gather(*(engine.start() for _ in range(8)))
            await settled()
            gate.set()
            states = [(await engine.ended(run)).state for run in runs]
            whys = [await why_cancelled(engine, run) for run in runs]

        assert states == ["cancelled"] * (8 - limit) + ["succeeded"] * limit
        assert whys == ["newer"] * (8 - limit) + [None] * limit
        assert len(engine.work.calls) <= 2 * limit, "a queued run that is superseded begins nothing"

    async def test_a_start_cancels_what_the_one_before_did_not_come_to(self) -> None:
        """The newcomer's acceptance is on disk and the cancel of the one that runs is not: it is cancelled all the same."""
        store = MemoryStore(auto_commit=False)
        async with open_engine(answer=hang, store=store) as engine, anyio.create_task_group() as tasks:
            engine.add(f"concurrency: {{limit: 1, when_full: cancel_running}}\n{ONE}")
            for _ in range(2):
                tasks.start_soon(engine.start)
                await settled()
                store.commit(1)
            tasks.cancel_scope.cancel()
        async with open_engine(store=MemoryStore(tables=store.crash().tables)) as engine:
            first, second = engine.store.tables.runs
            await engine.dispatcher.recover()

            assert (await engine.ended(first)).state == "cancelled"
            assert (await engine.ended(second)).state == "succeeded"
            assert await why_cancelled(engine, first) == "newer"


async def why_cancelled(engine: Engine, run: str) -> str | None:
    """Why a run was cancelled, if it was."""
    return next((event.why for event in await engine.journal(run) if isinstance(event, Cancelling)), None)


class TestCallerGone:
    @pytest.mark.parametrize("natively", [True, False])
    async def test_its_run_is_carried_out(self, natively: bool) -> None:  # noqa: FBT001  a parameter
        """Whoever asks is cancelled while the acceptance goes to disk: the run is accepted, so it ends, and frees its slot."""
        store = MemoryStore(auto_commit=False)
        async with open_engine(store=store) as engine, anyio.create_task_group() as tasks:
            engine.add(ONE)
            scope = anyio.CancelScope()

            async def ask() -> None:
                with scope:
                    await engine.start()

            asking = asyncio.ensure_future(ask())
            await settled()
            asking.cancel() if natively else scope.cancel()
            await asyncio.wait([asking])
            assert store.tables.runs == {}
            await commit_all(store)
            (run,) = store.tables.runs

            assert store.tables.runs[run].row.state == "succeeded"
            assert engine.dispatcher.live == 0
            tasks.cancel_scope.cancel()

    async def test_its_rerun_is_carried_out(self) -> None:
        """The same for an ended run that goes on again."""
        outcomes = iter([RuntimeError("first"), None])

        async def answer(config: WorkConfig, call: Call) -> Any:
            if error := next(outcomes):
                raise error

        store = MemoryStore(auto_commit=False)
        async with open_engine(answer=answer, store=store) as engine:
            engine.add(ONE)
            asking = asyncio.ensure_future(engine.start())
            await settled()
            await commit_all(store)
            run = await asking
            assert store.tables.runs[run].row.state == "failed"
            again = asyncio.ensure_future(engine.dispatcher.rerun(run))
            await settled()
            again.cancel()
            await asyncio.wait([again])
            await commit_all(store)

            assert store.tables.runs[run].row.state == "succeeded"


async def commit_all(store: MemoryStore) -> None:
    """Commit until nothing more comes."""
    while store.waiting:
        store.commit()
        await settled()


class TestCutOff:
    @pytest.mark.parametrize("by", ["wake", "cancel", "recovery"])
    async def test_whoever_takes_it_up_first_says_so(self, by: str) -> None:
        """A wake-up row of its deadline, a cancel, or recovery's turn: `recovered` stands before whatever follows."""
        clock = FakeClock()
        store = MemoryStore(clock=clock)
        async with open_engine(answer=hang, store=store, clock=clock) as engine:
            engine.add(
                "actions:\n  - {id: w, type: wait, needs: [], config: {for: 1h}}\n"
                "  - {id: a, type: work, needs: [], config: {}, on_interrupt: fail}"
            )
            run = await engine.start()
            await settled()
        async with open_engine(store=store.crash(), clock=clock) as engine:
            if by == "wake":
                engine.dispatcher.wake(run, "w")
            elif by == "cancel":
                engine.dispatcher.cancel(run)
            else:
                await engine.dispatcher.recover()
            await settled()
            events = [event for row in await engine.store.read(run) if row.boot == 2 for event in row.events]

        assert [number for number, event in enumerate(events) if isinstance(event, Recovered)] == [0]

    async def test_a_queued_or_waiting_run_was_not_cut_off(self) -> None:
        """One that an earlier process accepted and this one claims, one that only waits: neither is recovered."""
        clock = FakeClock()
        store = MemoryStore(clock=clock)
        async with open_engine(answer=hang, store=store, clock=clock) as engine:
            engine.add("concurrency: 1\nactions: [{id: w, type: wait, config: {for: 1h}}]")
            waiting, queued = await engine.start(), await engine.start()
            await settled()
        async with open_engine(store=store.crash(), clock=clock) as engine:
            await engine.dispatcher.recover()
            await clock.advance(3601.0)
            await engine.ended(waiting)
            await settled()
            await clock.advance(3601.0)
            await engine.ended(queued)

            for run in (waiting, queued):
                assert not any(isinstance(event, Recovered) for event in await engine.journal(run))


async def test_a_submission_while_draining_is_refused_in_its_callers_own_words() -> None:
    """What is wrong with a request is the caller's to hear, though another task finds it."""
    async with open_engine() as engine:
        with pytest.raises(Exception, match="there is no workflow 'nobody'"):
            await engine.dispatcher.submit(Submission(workflow="nobody"))
