"""Resting until a time or a signal."""

import anyio

from runner.nudge import Nudge
from runner.testing import FakeClock
from tests.unit.engine.harness import settled


async def test_a_signal_ends_the_rest() -> None:
    """Long before its time is over."""
    clock = FakeClock()
    nudge = Nudge(clock)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(nudge.rest, 3600)
            await clock.sleeping()
            nudge.set()
    assert clock.monotonic() == 0


async def test_a_signal_that_came_during_the_look_is_not_lost() -> None:
    """Told between `clear` and `rest`, the rest is over at once; told before `clear`, it is not."""
    clock = FakeClock()
    nudge = Nudge(clock)
    nudge.clear()
    nudge.set()
    with anyio.fail_after(30):
        await nudge.rest(3600)
    nudge.clear()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(nudge.rest, 3600)
        await settled()
        assert clock.sleepers == 1
        await clock.advance(3600)
    assert clock.monotonic() == 3600
