"""The wall clock of the machine is set forward or back while runs wait (design §2.13)."""

import anyio

from runner.engine.wakeups import LONGEST_REST
from runner.events import Started
from runner.testing import FakeClock
from tests.unit.engine.harness import open_engine, settled

WAIT = """
    actions:
      - {id: before, type: work, config: {value: 1}}
      - {id: pause, type: wait, config: {for: 1h}}
      - {id: after, type: work, config: {value: 2}}
"""


class TestSteps:
    async def test_a_step_back_wakes_nobody_twice(self) -> None:
        """Over the instant at which a run woke: what came after it happens once."""
        clock = FakeClock()
        async with open_engine(clock=clock) as engine:
            engine.add(WAIT)
            run = await engine.start()
            await settled()
            await clock.advance(3601)
            await settled()
            clock.step(-7200)
            await clock.advance(7300)
            await settled()

            with anyio.fail_after(5):
                assert (await engine.ended(run)).state == "succeeded"
            places = [event.place for _, event in engine.events.seen if isinstance(event, Started)]
            assert places.count("before") == places.count("after") == 1

    async def test_a_step_forward_is_caught_up(self) -> None:
        """A run whose time the step has passed wakes at the next look, once, though its hour has not gone by."""
        clock = FakeClock()
        async with open_engine(clock=clock) as engine:
            engine.add(WAIT)
            run = await engine.start()
            await settled()
            clock.step(86_400)
            await clock.advance(LONGEST_REST)
            await settled()

            with anyio.fail_after(5):
                assert (await engine.ended(run)).state == "succeeded"
