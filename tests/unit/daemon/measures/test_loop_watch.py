"""Who held the event loop."""

import anyio

from runner.clock import SystemClock
from runner.daemon.measures.loop_watch import MOST_CULPRITS, LoopWatch, watch_loop
from runner.engine.doing import at, read_name, task_name
from runner.testing import FakeClock


async def _hold(watch: LoopWatch) -> None:
    """Compute without ever giving way, until the watch's thread has seen it; not once, so that a beat may be first."""
    at("orders", "sum")
    while watch._seen is None:
        pass


async def test_the_action_that_holds_the_loop_is_named() -> None:
    """By the task's name, from a thread, while the loop hears nothing; others are not blamed for it."""
    async with watch_loop(SystemClock()) as watch, anyio.create_task_group() as tasks:
        while watch._loop is None:
            await anyio.lowlevel.checkpoint()
        tasks.start_soon(_hold, watch, name=task_name("orders", ""))
        with anyio.fail_after(10):
            while not watch.stalls:
                await anyio.lowlevel.checkpoint()

    assert list(watch.stalls) == [("orders", "sum")]
    assert watch.stalled["orders", "sum"] > 0.0


async def test_what_is_no_run_is_nobody() -> None:
    """A stall by the daemon itself, or by the machine, has no workflow."""
    clock = FakeClock()
    watch = LoopWatch(clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch.beat)
        while watch._loop is None:
            await anyio.lowlevel.checkpoint()
        watch._due -= 5.0
        watch.look()
        await clock.advance(0.15)
        tasks.cancel_scope.cancel()

    assert dict(watch.stalls) == {("", ""): 1}


def test_culprits_are_bounded() -> None:
    """However many there are, so many are told apart."""
    watch = LoopWatch(FakeClock())
    for number in range(MOST_CULPRITS + 10):
        watch._count(("w", str(number)), 0.1)

    assert len(watch.stalls) == MOST_CULPRITS + 1
    assert watch.stalls["", ""] == 10


def test_a_name_is_read_back() -> None:
    """A task of a run by its workflow and action; any other name is nobody's."""
    assert read_name(task_name("a workflow", "fetch")) == ("a workflow", "fetch")
    assert read_name("runner.daemon.service.watch") is None
