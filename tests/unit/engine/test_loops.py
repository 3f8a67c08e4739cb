"""for_each, retry and waiting."""

from typing import Any

import anyio
import pytest

from runner.engine.limits import EngineLimits
from runner.errors import ActionError, PermanentError, TemporaryError
from runner.events import Expanded, Finished, Parked
from runner.ports import Call
from runner.testing import FakeClock
from tests.unit.engine.fakes import WorkConfig
from tests.unit.engine.harness import open_engine, settled


async def test_the_value_is_the_list_of_values_in_the_order_of_the_items() -> None:
    """Whatever order they ended in."""
    gates = [anyio.Event() for _ in range(3)]

    async def answer(config: WorkConfig, call: Call) -> Any:
        index = config.value["index"]
        if index < 2:
            await gates[index + 1].wait()
        gates[index].set()
        return config.value["item"] * 10

    async with open_engine(answer=answer) as engine:
        row = await engine.run(
            """
            inputs: {list: {type: array}}
            actions:
              - {id: each, type: work, for_each: $input.list, config: {value: {item: $item, index: $index}}}
            output: $action.each
            """,
            {"list": [1, 2, 3]},
        )
        assert row.output == b"[10,20,30]"
        places = [event.place for event in await engine.journal(row.id) if isinstance(event, Finished)]
        assert places == ["each[2]", "each[1]", "each[0]"]


async def test_at_most_concurrency_items_go_on() -> None:
    """The bound holds over the whole list."""
    going, most = 0, 0

    async def answer(config: WorkConfig, call: Call) -> Any:
        nonlocal going, most
        going += 1
        most = max(most, going)
        await anyio.lowlevel.checkpoint()
        going -= 1

    async with open_engine(answer=answer) as engine:
        row = await engine.run(
            """
            inputs: {list: {type: array}}
            actions: [{id: each, type: work, for_each: $input.list, concurrency: 4, config: {}}]
            """,
            {"list": list(range(50))},
        )
        assert row.state == "succeeded"
        assert len(engine.work.calls) == 50
        assert most == 4


async def test_rate_spaces_the_starts() -> None:
    """At 2 a second five items begin over two seconds."""
    clock = FakeClock()
    async with open_engine(clock=clock) as engine:
        engine.add("""
            actions: [{id: each, type: work, for_each: [1, 2, 3, 4, 5], rate: 2/s, config: {}}]
        """)
        run = await engine.start()
        seen = []
        for _ in range(5):
            await settled()
            seen.append(len(engine.work.calls))
            await clock.advance(0.5)
        assert seen == [1, 2, 3, 4, 5]
        assert (await engine.ended(run)).state == "succeeded"


async def test_a_skipped_item_is_null_and_a_failed_one_under_continue_its_error() -> None:
    """`if` and on_error count per item."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        if config.value == 3:
            raise PermanentError("three", kind="status")
        return config.value

    async with open_engine(answer=answer) as engine:
        row = await engine.run("""
            actions:
              - {id: each, type: work, for_each: [1, 2, 3], if: $item != 2, on_error: continue, config: {value: $item}}
            output: $action.each
        """)
        assert row.output == b'[1,null,{"error":{"type":"status","message":"three","attempts":1}}]'


async def test_the_first_failed_item_cancels_the_rest() -> None:
    """Items that did not begin never do."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        if config.value == 1:
            raise PermanentError("one", kind="status")
        await anyio.sleep_forever()

    async with open_engine(answer=answer) as engine:
        row = await engine.run("""
            actions: [{id: each, type: work, for_each: [0, 1, 2, 3], concurrency: 2, config: {value: $item}}]
        """)
        assert (row.state, row.error) == ("failed", "one")
        assert len(engine.work.calls) == 2


@pytest.mark.parametrize(("value", "cure"), [("{a: 1}", "items"), ("null", "default"), ("text", "brackets")])
async def test_what_is_no_list_is_an_error_with_the_cure(value: str, cure: str) -> None:
    """A mapping, null, a text."""
    async with open_engine() as engine:
        row = await engine.run(f"""
            actions:
              - {{id: a, type: set, config: {value}}}
              - {{id: each, type: work, for_each: $action.a, config: {{}}}}
        """)
        assert row.state == "failed"
        assert "for_each wants a list" in row.error
        assert cure in row.error


async def test_a_list_over_the_limit_is_refused_by_its_key() -> None:
    """limits.items."""
    async with open_engine(limits=EngineLimits(items=2)) as engine:
        row = await engine.run("actions: [{id: each, type: work, for_each: [1, 2, 3], config: {}}]")
        assert "limits.items" in row.error


async def test_groups_loop_and_see_the_innermost_item() -> None:
    """A group for each item; the inner `$item` hides the outer; empty lists join at once."""
    async with open_engine() as engine:
        row = await engine.run("""
            actions:
              - id: outer
                type: group
                for_each: [[1, 2], [], [3]]
                config:
                  actions:
                    - {id: inner, type: work, for_each: $item, config: {value: "{{ $item * 2 }}"}}
                  output: {n: $index, doubled: $action.inner}
            output: $action.outer
        """)
        assert row.output == b'[{"n":0,"doubled":[2,4]},{"n":1,"doubled":[]},{"n":2,"doubled":[6]}]'
        expanded = [event.place for event in await engine.journal(row.id) if isinstance(event, Expanded)]
        assert set(expanded) == {"outer", "outer[0]/inner", "outer[1]/inner", "outer[2]/inner"}


async def test_retry_tries_again_while_it_may_help() -> None:
    """Three times 503, then the value; each attempt is journaled."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        if call.attempt < 3:
            raise TemporaryError("GET api.test answered 503", kind="5xx", facts={"status": 503})
        return "there"

    async with open_engine(answer=answer) as engine:
        row = await engine.run("""
            actions: [{id: a, type: work, retry: {max_attempts: 5, delay: 1ms}, config: {}}]
            output: $action.a
        """)
        assert row.output == b'"there"'
        outcomes = [event.outcome for event in await engine.journal(row.id) if isinstance(event, Finished)]
        assert outcomes == ["failed", "failed", "succeeded"]


@pytest.mark.parametrize(
    ("retry", "error", "attempts"),
    [
        ("{max_attempts: 3, delay: 1ms}", TemporaryError("x", kind="connection"), 3),
        ("{max_attempts: 3, delay: 1ms}", PermanentError("x", kind="status"), 1),
        ("{max_attempts: 3, delay: 1ms, on: [timeout]}", TemporaryError("x", kind="connection"), 1),
        ("{max_attempts: 3, delay: 1ms}", TemporaryError("x", kind="429", retry_after=7200), 1),
    ],
)
async def test_retry_stops_where_it_cannot_help(retry: str, error: ActionError, attempts: int) -> None:
    """After max_attempts, for a permanent error, for a word that is not in `on`, above max_retry_after."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        raise error

    async with open_engine(answer=answer) as engine:
        row = await engine.run(f"actions: [{{id: a, type: work, retry: {retry}, config: {{}}}}]")
        assert row.state == "failed"
        assert engine.work.count("a") == attempts


async def test_until_polls() -> None:
    """While the condition is false the attempt is made again."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        return {"state": "done" if call.attempt == 4 else "working"}

    async with open_engine(answer=answer) as engine:
        row = await engine.run("""
            actions:
              - id: poll
                type: work
                retry: {until: $this.state == 'done', delay: 1ms, max_attempts: 10}
                config: {}
            output: $action.poll.state
        """)
        assert row.output == b'"done"'
        assert engine.work.count("poll") == 4


async def test_until_on_a_group_is_a_loop() -> None:
    """Each round is a body of its own."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        return call.place

    async with open_engine(answer=answer) as engine:
        row = await engine.run("""
            actions:
              - id: round
                type: group
                retry: {until: "$this.at == 'round~3/a'", delay: 0s, max_attempts: 9}
                config:
                  actions: [{id: a, type: work, config: {}}]
                  output: {at: $action.a}
            output: $action.round.at
        """)
        assert row.output == b'"round~3/a"'
        assert [call[0] for call in engine.work.calls] == ["round/a", "round~2/a", "round~3/a"]


async def test_a_long_delay_holds_no_slot_and_no_object() -> None:
    """A retry in ten minutes is a row of the store; another run takes the only slot meanwhile."""
    clock = FakeClock()

    async def answer(config: WorkConfig, call: Call) -> Any:
        if call.place == "a" and call.attempt == 1:
            raise TemporaryError("later", kind="429", retry_after=600)
        return "done"

    async with open_engine(clock=clock, answer=answer, limits=EngineLimits(max_concurrent_runs=1)) as engine:
        engine.add("actions: [{id: a, type: work, retry: {max_attempts: 2}, config: {}}]", "waits")
        waiting = await engine.start("waits")
        await settled()
        assert engine.dispatcher.live == 0
        assert (await engine.store.get(waiting)).waiting
        assert (await engine.run("actions: [{id: b, type: work, config: {}}]", name="other")).state == "succeeded"
        await clock.advance(599)
        assert engine.work.count("a") == 1
        await clock.advance(2)
        row = await engine.ended(waiting)
        assert (row.state, engine.work.count("a")) == ("succeeded", 2)


@pytest.mark.parametrize(("config", "after"), [("{for: 2h}", 7200), ("{until: '2023-11-14T23:13:20Z'}", 3600)])
async def test_wait_lies_in_the_store_until_its_time(config: str, after: int) -> None:
    """By a span or until an instant; it comes back by a fold of its journal."""
    clock = FakeClock()
    async with open_engine(clock=clock) as engine:
        engine.add(f"""
            actions:
              - {{id: before, type: work, config: {{value: 7}}}}
              - {{id: pause, type: wait, config: {config}}}
              - {{id: after, type: work, config: {{value: $action.before}}}}
        """)
        run = await engine.start()
        await settled()
        await clock.advance(after - 1)
        assert engine.work.count("after") == 0
        assert any(isinstance(event, Parked) for event in await engine.journal(run))
        await clock.advance(2)
        assert (await engine.ended(run)).state == "succeeded"
        assert engine.work.calls[-1] == ("after", 1, 7)


async def test_a_past_instant_waits_not_at_all() -> None:
    """`until` in the past goes on at once."""
    async with open_engine() as engine:
        row = await engine.run("actions: [{id: w, type: wait, config: {until: '2001-01-01T00:00:00Z'}}]")
        assert row.state == "succeeded"


async def test_timeout_bounds_one_attempt() -> None:
    """It fails with type timeout, may be tried again, and a second attempt may succeed."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        if call.attempt == 1:
            await anyio.sleep_forever()
        return 1

    async with open_engine(answer=answer) as engine:
        row = await engine.run("""
            actions: [{id: a, type: work, timeout: 20ms, retry: {max_attempts: 2, delay: 1ms}, config: {}}]
        """)
        assert row.state == "succeeded"
        errors = [event.error.type for event in await engine.journal(row.id) if getattr(event, "error", None)]
        assert errors == ["timeout"]


async def test_a_runs_timeout_runs_on_failure_and_finally() -> None:
    """Both, and the error names the timeout."""
    clock = FakeClock()

    async def answer(config: WorkConfig, call: Call) -> Any:
        if call.place == "slow":
            await anyio.sleep_forever()

    async with open_engine(clock=clock, answer=answer) as engine:
        engine.add("""
            timeout: 10m
            actions: [{id: slow, type: work, config: {}}]
            on_failure: [{id: undo, type: work, config: {value: $run.error}}]
            finally: [{id: tidy, type: work, config: {}}]
        """)
        run = await engine.start()
        await settled()
        await clock.advance(601)
        row = await engine.ended(run)
        assert (row.state, row.error) == ("failed", "the run did not end within 600 s (timeout)")
        assert [call[0] for call in engine.work.calls] == ["slow", "undo", "tidy"]


async def test_a_cleanup_that_hangs_is_ended() -> None:
    """cleanup_timeout bounds finally; the run ends all the same."""
    clock = FakeClock()

    async def answer(config: WorkConfig, call: Call) -> Any:
        if call.place == "tidy":
            await anyio.sleep_forever()

    async with open_engine(clock=clock, answer=answer) as engine:
        engine.add("""
            actions: [{id: a, type: work, config: {}}]
            finally: [{id: tidy, type: work, config: {}}]
        """)
        run = await engine.start()
        await settled()
        await clock.advance(61)
        row = await engine.ended(run)
        assert row.state == "failed"
        assert "limits.cleanup_timeout" in row.error
