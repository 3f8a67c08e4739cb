"""Order, skipping and failing: what runs after what, and what does not."""

from typing import Any

import anyio
import pytest

from runner.errors import PermanentError, TemporaryError
from runner.events import Cancelling, Phase, Settled
from runner.ports import Call
from tests.unit.engine.fakes import WorkConfig
from tests.unit.engine.harness import open_engine


def fails_at(*places: str) -> Any:
    async def answer(config: WorkConfig, call: Call) -> Any:
        if call.place in places:
            raise PermanentError(f"{call.place} failed", kind="status", facts={"status": 404})
        return config.value

    return answer


async def test_actions_run_in_the_order_written() -> None:
    """Each waits for the one above it, and sees its value."""
    async with open_engine() as engine:
        row = await engine.run("""
            actions:
              - {id: a, type: work, config: {value: 1}}
              - {id: b, type: work, config: {value: "{{ $action.a + 1 }}"}}
              - {id: c, type: work, config: {value: "{{ $action.b + $action.a }}"}}
            output: $action.c
        """)
        assert (row.state, row.output) == ("succeeded", b"3")
        assert engine.work.calls == [("a", 1, 1), ("b", 1, 2), ("c", 1, 3)]


async def test_needs_replaces_the_order() -> None:
    """`needs: []` starts at once, side by side; a join waits for all it names."""
    arrived = anyio.Event()

    async def meet(config: WorkConfig, call: Call) -> Any:
        if call.place == "a":
            await arrived.wait()
        elif call.place == "b":
            arrived.set()
        return call.place

    async with open_engine(answer=meet) as engine:
        row = await engine.run("""
            actions:
              - {id: a, type: work, needs: [], config: {}}
              - {id: b, type: work, needs: [], config: {}}
              - {id: c, type: work, needs: [a, b], config: {value: "$action.a$action.b"}}
            output: $action.c
        """)
        assert row.state == "succeeded"
        assert engine.work.calls[-1] == ("c", 1, "ab")


async def test_a_false_if_skips_and_the_rest_goes_on() -> None:
    """The skipped action's value is null."""
    async with open_engine() as engine:
        row = await engine.run("""
            actions:
              - {id: a, type: work, if: 1 > 2, config: {value: 1}}
              - {id: b, type: set, config: {a: $action.a, missing: "{{ $action.a.x | default('none') }}"}}
            output: $action.b
        """)
        assert row.output == b'{"a":null,"missing":"none"}'
        assert engine.work.calls == []


async def test_a_failure_ends_the_body_and_runs_its_cleanup() -> None:
    """What has not started is skipped; on_failure sees null for what did not run; then finally."""
    async with open_engine(answer=fails_at("b")) as engine:
        row = await engine.run("""
            actions:
              - {id: a, type: work, config: {value: 1}}
              - {id: b, type: work, config: {}}
              - {id: c, type: work, config: {}}
            on_failure:
              - {id: undo, type: work, if: $action.a, config: {value: "$run.failed_action: $run.error"}}
              - {id: not-this, type: work, if: $action.c, config: {}}
            finally:
              - {id: always, type: work, config: {value: $action.b.error.status}}
        """)
        assert (row.state, row.failed_action, row.error) == ("failed", "b", "b failed")
        assert [call[0] for call in engine.work.calls] == ["a", "b", "undo", "always"]
        assert engine.work.calls[2][2] == "b: b failed"
        assert engine.work.calls[3][2] == 404


async def test_on_error_continue_leaves_the_error_to_see() -> None:
    """The body goes on; `$action.ID.error` describes it and its value is null."""
    async with open_engine(answer=fails_at("a")) as engine:
        row = await engine.run("""
            actions:
              - {id: a, type: work, on_error: continue, config: {}}
              - {id: b, type: set, config: {type: $action.a.error.type, status: $action.a.error.status, value: $action.a}}
            output: $action.b
        """)
        assert row.state == "succeeded"
        assert row.output == b'{"type":"status","status":404,"value":null}'


async def test_a_failure_in_finally_turns_success_into_failure() -> None:
    """And only then: the first error is kept."""
    async with open_engine(answer=fails_at("tidy")) as engine:
        row = await engine.run("""
            actions: [{id: a, type: work, config: {}}]
            finally: [{id: tidy, type: work, config: {}}]
        """)
        assert (row.state, row.error) == ("failed", "tidy failed")


async def test_what_runs_beside_a_failure_is_cancelled() -> None:
    """An attempt in flight ends as cancelled before on_failure begins."""
    started = anyio.Event()

    async def answer(config: WorkConfig, call: Call) -> Any:
        if call.place == "slow":
            started.set()
            await anyio.sleep_forever()
        if call.place == "bad":
            await started.wait()
            raise PermanentError("bad", kind="status")
        return None

    async with open_engine(answer=answer) as engine:
        row = await engine.run("""
            actions:
              - {id: slow, type: work, needs: [], config: {}}
              - {id: bad, type: work, needs: [], config: {}}
            on_failure: [{id: undo, type: work, config: {}}]
        """)
        assert row.state == "failed"
        outcomes = {event.place: event.outcome for event in await engine.journal(row.id) if hasattr(event, "outcome")}
        assert outcomes == {"slow": "cancelled", "bad": "failed", "undo": "succeeded"}


@pytest.mark.parametrize(
    ("config", "state", "output"),
    [
        ("{}", "succeeded", b"null"),
        ("{output: {n: $action.a}}", "succeeded", b'{"n":1}'),
        ("{error: no more}", "failed", None),
    ],
)
async def test_stop_ends_the_run_here(config: str, state: str, output: bytes | None) -> None:
    """Succeeded, or failed where an error is given; the page says where it ended."""
    async with open_engine() as engine:
        row = await engine.run(f"""
            actions:
              - {{id: a, type: work, config: {{value: 1}}}}
              - {{id: enough, type: stop, config: {config}}}
              - {{id: b, type: work, config: {{}}}}
            output: not this
        """)
        assert (row.state, row.output, row.stopped_by) == (state, output, "enough")
        assert [call[0] for call in engine.work.calls] == ["a"]


async def test_a_stop_in_a_group_ends_the_whole_run() -> None:
    """Finally of each body runs; the group's own on_error changes nothing."""
    async with open_engine() as engine:
        row = await engine.run("""
            actions:
              - id: g
                type: group
                on_error: continue
                config:
                  actions:
                    - {id: end, type: stop, config: {error: over}}
                    - {id: not-this, type: work, config: {}}
                  finally: [{id: inner-tidy, type: work, config: {}}]
              - {id: nor-this, type: work, config: {}}
            finally: [{id: tidy, type: work, config: {}}]
        """)
        assert (row.state, row.error, row.stopped_by) == ("failed", "over", "g/end")
        assert [call[0] for call in engine.work.calls] == ["g/inner-tidy", "tidy"]


async def test_a_group_is_a_try_block() -> None:
    """Its on_failure runs, its failure is its action's, and on_error continues after it."""
    async with open_engine(answer=fails_at("g/bad")) as engine:
        row = await engine.run("""
            actions:
              - id: g
                type: group
                on_error: continue
                config:
                  actions: [{id: bad, type: work, config: {}}]
                  on_failure: [{id: undo, type: work, config: {}}]
                  output: not reached
              - {id: after, type: set, config: {why: $action.g.error.message}}
            output: $action.after
        """)
        assert row.output == b'{"why":"g/bad failed"}'
        assert [call[0] for call in engine.work.calls] == ["g/bad", "g/undo"]


async def test_inside_a_group_the_outer_actions_are_seen() -> None:
    """And the inner ids are its own: outside only its output is."""
    async with open_engine() as engine:
        row = await engine.run("""
            actions:
              - {id: a, type: set, config: 20}
              - id: g
                type: group
                config:
                  actions: [{id: b, type: set, config: "{{ $action.a + 1 }}"}]
                  output: {sum: "{{ $action.a + $action.b }}"}
            output: $action.g.sum
        """)
        assert row.output == b"41"


async def test_a_cancelled_run_does_only_its_finally() -> None:
    """on_failure does not run; the attempt in flight is cancelled."""
    started = anyio.Event()

    async def answer(config: WorkConfig, call: Call) -> Any:
        if call.place == "slow":
            started.set()
            await anyio.sleep_forever()

    async with open_engine(answer=answer) as engine:
        engine.add("""
            actions: [{id: slow, type: work, config: {}}, {id: after, type: work, config: {}}]
            on_failure: [{id: undo, type: work, config: {}}]
            finally: [{id: tidy, type: work, config: {}}]
        """)
        run = await engine.start()
        await started.wait()
        engine.dispatcher.cancel(run, by="ann")
        row = await engine.ended(run)
        assert row.state == "cancelled"
        assert [call[0] for call in engine.work.calls] == ["slow", "tidy"]
        journal = await engine.journal(run)
        assert [event.by for event in journal if isinstance(event, Cancelling)] == ["ann"]
        assert [event.phase for event in journal if isinstance(event, Phase)] == ["finally"]


async def test_an_expression_that_cannot_be_computed_fails_its_action_alone() -> None:
    """The message says where and what; nothing was executed."""
    async with open_engine() as engine:
        row = await engine.run("""
            actions:
              - {id: a, type: work, on_error: continue, config: {value: "{{ 1 + 'x' }}"}}
              - {id: b, type: set, config: $action.a.error.type}
            output: $action.b
        """)
        assert row.output == b'"expression"'
        assert engine.work.calls == []


async def test_pure_actions_cost_no_wait() -> None:
    """A chain of `set` and `if` is one append with what follows it."""
    async with open_engine() as engine:
        row = await engine.run("""
            actions:
              - {id: a, type: set, config: 1}
              - {id: b, type: set, config: 2}
              - {id: c, type: set, if: false, config: 3}
        """)
        rows = await engine.store.read(row.id)
        assert len(rows) == 2
        assert sum(isinstance(event, Settled) for event in rows[1].events) == 3


async def test_an_attempt_waits_for_no_other_action_to_get_its_reasons_on_disk() -> None:
    """While the run's own task waits for a secret of another action, what an attempt uses is handed over all the same."""
    began = anyio.Event()
    on_disk: list[list[str]] = []

    async def answer(config: WorkConfig, call: Call) -> Any:
        rows = await engine.store.read(call.run)
        on_disk.append([event.place for row in rows for event in row.events if isinstance(event, Settled)])
        began.set()
        return config.value

    async with open_engine(answer=answer, secrets={"SLOW": "s3cret"}) as engine:
        engine.resolver.gates["SLOW"] = anyio.Event()
        engine.add("""
            actions:
              - {id: reason, type: set, config: 7}
              - {id: a, type: work, needs: [reason], config: {value: $action.reason}}
              - {id: beside, type: set, needs: [reason], config: 1}
              - {id: slow, type: set, needs: [beside], config: $secret.SLOW}
        """)
        run = await engine.start()
        await began.wait()
        assert engine.resolver.asked == ["SLOW"]
        assert engine.work.calls == [("a", 1, 7)]
        engine.resolver.gates["SLOW"].set()
        assert (await engine.ended(run)).state == "succeeded"

    assert "reason" in on_disk[0]


async def test_an_executor_that_breaks_fails_its_action() -> None:
    """A defect is no crash: the error names its type and the log has the traceback."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        raise ZeroDivisionError("secret detail")

    async with open_engine(answer=answer) as engine:
        row = await engine.run("actions: [{id: a, type: work, config: {}}]")
        assert row.state == "failed"
        assert row.error == "the work executor broke (ZeroDivisionError); the log tells where"


async def test_a_temporary_error_without_retry_fails_at_once() -> None:
    """There is no retry without the key."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        raise TemporaryError("later", kind="5xx")

    async with open_engine(answer=answer) as engine:
        row = await engine.run("actions: [{id: a, type: work, config: {}}]")
        assert row.state == "failed"
        assert engine.work.count("a") == 1
