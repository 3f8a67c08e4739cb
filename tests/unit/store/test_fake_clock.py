"""The clock that tests move by hand (`runner.testing`)."""

from anyio import create_task_group

from runner.testing import FakeClock


class TestFakeClock:
    async def test_sleepers_wake_in_order_each_at_its_own_instant(self) -> None:
        """The earliest wakes first and sees the time it asked for, not the end of the step."""
        clock = FakeClock(wall=100.0)
        woken: list[tuple[float, float, float]] = []

        async def sleeper(seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((seconds, clock.monotonic(), clock.wall()))

        async with create_task_group() as group:
            for seconds in (3, 1, 2):
                group.start_soon(sleeper, seconds)
            await clock.sleeping(3)
            await clock.advance(2.5)
            assert woken == [(1, 1.0, 101.0), (2, 2.0, 102.0)]
            await clock.advance(0.5)

        assert woken[-1] == (3, 3.0, 103.0)

    async def test_who_sleeps_again_within_a_step_wakes_again(self) -> None:
        """A loop that ticks each second ticks five times in five seconds."""
        clock = FakeClock()
        ticks: list[float] = []

        async def ticker() -> None:
            while True:
                await clock.sleep(1)
                ticks.append(clock.monotonic())

        async with create_task_group() as group:
            group.start_soon(ticker)
            await clock.sleeping()
            await clock.advance(5)
            group.cancel_scope.cancel()

        assert ticks == [1.0, 2.0, 3.0, 4.0, 5.0]
        assert clock.sleepers == 0, "a cancelled sleeper leaves nothing behind"

    async def test_a_step_moves_the_wall_alone(self) -> None:
        """The wall clock may step either way; no sleeper wakes and no duration changes."""
        clock = FakeClock(wall=100.0)

        async with create_task_group() as group:
            group.start_soon(clock.sleep, 5)
            await clock.sleeping()
            clock.step(-50)
            assert (clock.wall(), clock.monotonic(), clock.next_wake) == (50.0, 0.0, 5.0)
            await clock.advance(5)

        assert clock.wall() == 55.0

    async def test_no_time_gives_way_once(self) -> None:
        """Sleeping for nothing comes back though nobody advances."""
        await FakeClock().sleep(0)
