"""A suspect that is tried alone: what else there is waits, until it has ended, waits, got further or had its minute."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from runner.engine.recovery import ALONE, LIVED
from runner.errors import TemporaryError
from runner.events import Recovered
from runner.ports import Call
from runner.store.memory import MemoryStore
from runner.suspects import Begun, Suspect
from runner.testing import FakeClock
from tests.unit.engine.fakes import WorkConfig
from tests.unit.engine.harness import Engine, open_engine, settled

GOES_ON = "actions: [{id: first, type: work, config: {}}, {id: second, type: work, config: {}}]"
WAITS = "actions: [{id: first, type: work, needs: [], config: {}, retry: {delay: 1h, max_attempts: 2}}]"
OTHER = "actions: [{id: other, type: work, config: {}}]"


class Starts:
    """Two kills in a row; the first suspect had its turn at the last one."""

    def __init__(self, *suspects: str, alone: bool = True) -> None:
        self.tried: list[str] = []
        self.acquitted: list[str] = []
        self.lives = 0
        self._begun = Begun(2, tuple(Suspect(run, 0) for run in suspects), one_at_a_time=True, alone=alone)

    async def begin(self) -> Begun:
        return self._begun

    async def test(self, run: str, at: float) -> None:
        self.tried.append(run)

    async def acquit(self, run: str) -> None:
        self.acquitted.append(run)

    async def lived(self) -> None:
        self.lives += 1

    async def stop(self) -> None: ...


class Gates:
    """Work that waits until the test opens its action's gate, and then ends well or badly."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.opened = {place: anyio.Event() for place in ("first", "second", "other")}
        self.error: Exception | None = None

    async def __call__(self, config: WorkConfig, call: Call) -> Any:
        self.begun.append(call.place)
        await self.opened[call.place].wait()
        if self.error is not None and call.place == "first":
            raise self.error


@asynccontextmanager
async def two_cut_off(
    gates: Gates, clock: FakeClock, flow: str = GOES_ON
) -> AsyncIterator[tuple[Engine, str, str, str]]:
    """An engine over the store of one that was killed with a suspect and another run in flight; a third one waits."""
    store = MemoryStore(clock=clock)
    async with open_engine(answer=gates, store=store, clock=clock) as engine:
        engine.add(flow, "suspect")
        engine.add(OTHER, "other")
        engine.add("actions: [{id: pause, type: wait, config: {for: 1h}}]", "waiting")
        runs = await engine.start("suspect"), await engine.start("other"), await engine.start("waiting")
        await settled()
    gates.begun.clear()
    async with open_engine(answer=gates, store=store.crash(), clock=clock) as engine:
        engine.add(OTHER, "other")
        yield engine, *runs


@pytest.mark.parametrize("how", ["got further", "waits", "ended", "a minute", "cancelled"])
async def test_nothing_else_is_in_flight_while_it_is_tried(how: str) -> None:
    """Neither the other suspect nor a new run, which is accepted; both go on after that, beside it where it goes on."""
    gates, clock = Gates(), FakeClock()
    async with two_cut_off(gates, clock, WAITS if how == "waits" else GOES_ON) as (engine, suspect, other, waiting):
        starts = Starts(suspect, other)
        await engine.dispatcher.judge(starts)
        early = await engine.start("other")
        await engine.dispatcher.recover()
        await settled()
        late = await engine.start("other")
        await settled()
        engine.dispatcher.wake(waiting, "pause")
        await settled()
        assert gates.begun == ["first"]
        assert engine.dispatcher.live == 1
        assert starts.tried == [suspect]
        assert [(await engine.store.get(run)).state for run in (early, late)] == ["queued", "queued"]

        if how == "a minute":
            await clock.advance(ALONE)
        elif how == "cancelled":
            engine.dispatcher.cancel(suspect)
        else:
            gates.error = TemporaryError("no luck", kind="connection") if how in {"waits", "ended"} else None
            gates.opened["first"].set()
        await settled()

        is_through = how not in {"a minute", "got further"}
        assert gates.begun.count("other") == (3 if is_through else 2), "the other suspect waits for its own turn"
        assert starts.acquitted == ([suspect] if is_through else [])
        gates.error = None
        gates.opened["second"].set()
        gates.opened["other"].set()
        gates.opened["first"].set()
        for run in (early, late, other):
            assert (await engine.ended(run)).state == "succeeded"


async def test_one_that_had_no_turn_at_the_kill_is_tried_beside_others() -> None:
    """One suspect at a time, and new runs as they come."""
    gates, clock = Gates(), FakeClock()
    async with two_cut_off(gates, clock) as (engine, suspect, other, _):
        await engine.dispatcher.judge(Starts(suspect, other, alone=False))
        await engine.dispatcher.recover()
        await settled()
        await engine.start("other")
        await settled()

        assert gates.begun == ["first", "other"]


async def test_one_that_is_ended_before_its_turn_holds_up_nobody() -> None:
    """Cancelled between the judgement and its turn: the others go on."""
    gates, clock = Gates(), FakeClock()
    async with two_cut_off(gates, clock) as (engine, suspect, other, _):
        await engine.dispatcher.judge(Starts(suspect, other))
        engine.dispatcher.cancel(suspect)
        await settled()
        await engine.dispatcher.recover()
        gates.opened["other"].set()

        assert (await engine.ended(other)).state == "succeeded"
        assert (await engine.ended(suspect)).state == "cancelled"
        assert gates.begun == ["other"]
        assert any(isinstance(event, Recovered) for event in await engine.journal(suspect))


async def test_ten_minutes_make_it_innocent_and_the_start_no_kill() -> None:
    """A suspect that goes on for that long gives its turn to the next; the kills before a start that lived count no more."""
    gates, clock = Gates(), FakeClock()
    async with two_cut_off(gates, clock) as (engine, suspect, other, _):
        starts = Starts(suspect, other, alone=False)
        await engine.dispatcher.judge(starts)
        await engine.dispatcher.recover()
        await settled()
        await clock.advance(LIVED - 1)
        await settled()
        assert (starts.tried, starts.acquitted, starts.lives, gates.begun) == ([suspect], [], 0, ["first"])

        await clock.advance(1)
        await settled()
        assert (starts.tried, starts.acquitted, starts.lives) == ([suspect, other], [suspect], 1)
        assert gates.begun == ["first", "other"]
        for gate in gates.opened.values():
            gate.set()
        assert [(await engine.ended(run)).state for run in (suspect, other)] == ["succeeded"] * 2
