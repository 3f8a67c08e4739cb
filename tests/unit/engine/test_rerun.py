"""A run that failed, was cancelled or succeeded goes on: what is repeated, under which keys, and when it is refused."""

from typing import Any

import msgspec
import pytest

from runner.errors import PermanentError, RefusedError
from runner.events import Ended, Finished, Rerun
from runner.expressions.labels import whole
from runner.ports import Call, Result
from runner.secret import reveal
from tests.unit.engine.fakes import WorkConfig
from tests.unit.engine.harness import Engine, open_engine, settled

THREE = """
    actions:
      - {id: a, type: work, config: {value: 1}}
      - {id: b, type: work, config: {value: "{{ $action.a + 1 }}"}}
      - {id: c, type: work, config: {value: "{{ $action.b + 1 }}"}}
    finally: [{id: f, type: work, config: {value: $run.attempt}}]
    output: $action.c
"""


class Failing:
    """Fails at the places that are in `at`; keeps the idempotency keys by place."""

    def __init__(self, *at: str) -> None:
        self.at = set(at)
        self.keys: dict[str, list[str]] = {}

    async def __call__(self, config: WorkConfig, call: Call) -> Any:
        self.keys.setdefault(call.place, []).append(call.idempotency_key())
        if call.place in self.at:
            raise PermanentError("no", kind="status")
        return config.value


async def test_a_failed_run_goes_on_from_its_first_unfinished_action() -> None:
    """What was finished is not repeated, the failed action keeps its key, `finally` runs again under another."""
    answer = Failing("b")
    async with open_engine(answer=answer) as engine:
        row = await engine.run(THREE)
        assert row.state == "failed"
        answer.at.clear()
        admitted = await engine.dispatcher.rerun(row.id[:10], by="me")
        assert (admitted.verdict, admitted.run) == ("running", row.id)
        again = await engine.ended(row.id)
        assert (again.state, again.output, again.error) == ("succeeded", b"3", None)
        assert [(place, value) for place, _, value in engine.work.calls] == [
            ("a", 1), ("b", 2), ("f", 1), ("b", 2), ("c", 3), ("f", 2)
        ]  # fmt: skip
        assert len(set(answer.keys["b"])) == 1
        assert len(set(answer.keys["f"])) == 2
        ends = [event for event in await engine.journal(row.id) if isinstance(event, Ended | Rerun)]
        assert [type(event) for event in ends] == [Ended, Rerun, Ended]


async def test_from_an_action_it_and_what_follows_have_new_keys() -> None:
    """Of a run that succeeded too; what lies before it is kept."""
    answer = Failing()
    async with open_engine(answer=answer) as engine:
        row = await engine.run(THREE)
        await engine.dispatcher.rerun(row.id, "b")
        assert (await engine.ended(row.id)).state == "succeeded"
        assert [len(set(answer.keys[place])) for place in "abcf"] == [1, 2, 2, 2]
        assert engine.work.count("a") == 1


async def test_a_cancelled_run_goes_on() -> None:
    """An action that was cut off begins again; the cancel is forgotten."""
    async with open_engine() as engine:
        engine.add("actions: [{id: a, type: work, config: {value: 1}}, {id: w, type: wait, config: {for: 1h}}]")
        run = await engine.start()
        await _at_rest(engine)
        await engine.dispatcher.cancel_durably(run, "me")
        assert (await engine.ended(run)).state == "cancelled"
        await engine.dispatcher.rerun(run)
        await _at_rest(engine)
        assert ((await engine.store.get(run)).state, engine.work.count("a")) == ("running", 1)


async def test_finished_items_are_kept_and_so_is_what_is_inside_of_a_group() -> None:
    """Of a `for_each` the failed item and those that were not reached run; in a group from its first unfinished action."""
    answer = Failing("each[2]", "around/second")
    async with open_engine(answer=answer) as engine:
        row = await engine.run("""
            actions:
              - id: around
                type: group
                config:
                  actions:
                    - {id: first, type: work, config: {value: 1}}
                    - {id: second, type: work, config: {value: 2}}
                  output: $action.second
              - {id: each, type: work, for_each: "[10, 20, 30, 40]", concurrency: 1, config: {value: $item}}
            output: [$action.around, $action.each]
        """)
        answer.at = {"each[2]"}
        await engine.dispatcher.rerun(row.id)
        assert (await engine.ended(row.id)).state == "failed"
        answer.at = set()
        await engine.dispatcher.rerun(row.id)
        row = await engine.ended(row.id)
        assert (row.state, row.output) == ("succeeded", b"[2,[10,20,30,40]]")
        counts = {place: engine.work.count(place) for place, _, _ in engine.work.calls}
        assert counts == {
            "around/first": 1, "around/second": 2, "each[0]": 1, "each[1]": 1, "each[2]": 2, "each[3]": 1
        }  # fmt: skip


async def test_a_child_of_a_new_generation_is_a_new_run() -> None:
    """The one that failed stays as it is."""
    answer = Failing("x")
    async with open_engine(answer=answer) as engine:
        engine.add("actions: [{id: x, type: work, config: {}}]", "inner")
        row = await engine.run("actions: [{id: call, type: workflow, config: {name: inner}}]")
        answer.at.clear()
        await engine.dispatcher.rerun(row.id)
        assert (await engine.ended(row.id)).state == "succeeded"
        assert len(set(answer.keys["x"])) == 2
        assert sorted(engine.store.tables.runs[run].row.state for run in engine.store.tables.runs) == [
            "failed", "succeeded", "succeeded"
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "action", "reason"),
    [("succeeded", "", "rerun"), ("failed", "nobody", "rerun"), ("running", "", "live"), ("none", "", "unknown")],
)
async def test_it_is_refused_by_name(state: str, action: str, reason: str) -> None:
    """What has succeeded without an action, an action that is not there, a run that goes on, one that nobody knows."""
    answer = Failing("b" if state == "failed" else "")
    async with open_engine(answer=answer) as engine:
        run = "zzzzzzzz"
        if state == "running":
            engine.add("actions: [{id: w, type: wait, config: {for: 1h}}]")
            run = await engine.start()
        elif state != "none":
            run = (await engine.run(THREE)).id
        with pytest.raises(RefusedError) as refused:
            await engine.dispatcher.rerun(run, action)
        assert refused.value.reason == reason
        assert engine.dispatcher._runs.free == 100 - engine.dispatcher.live


async def test_it_waits_for_its_place() -> None:
    """Where another run has the place that its limit allows, it is queued and goes on after that one."""
    answer = Failing("a")
    async with open_engine(answer=answer) as engine:
        text = "concurrency: 1\nactions: [{id: a, type: work, config: {}}, {id: w, type: wait, config: {for: 1h}}]"
        row = await engine.run(text)
        answer.at.clear()
        other = await engine.start()
        assert (await engine.dispatcher.rerun(row.id)).verdict == "queued"
        with pytest.raises(RefusedError, match="queued"):
            await engine.dispatcher.rerun(row.id)
        await engine.dispatcher.cancel_durably(other, "me")
        while (await engine.store.get(row.id)).state == "queued" or engine.dispatcher.live:
            await settled()
        assert engine.work.count("a") == 3


@pytest.mark.parametrize("interrupt", ["retry", "fail"])
async def test_a_value_that_is_gone_is_made_again_or_the_rerun_refused(interrupt: str) -> None:
    """The masked text is never used: the action that made it is repeated under its key, unless it must not be."""
    broken = {"use"}
    keys = []

    async def answer(config: WorkConfig, call: Call) -> Any:
        if call.place == "token":
            keys.append(call.idempotency_key())
            return Result("canary-4b1d77e0", whole("canary-4b1d77e0", frozenset({"token"})).labels)
        if call.place in broken:
            raise PermanentError("no", kind="status")
        return reveal(config.text) == "canary-4b1d77e0"

    async with open_engine(answer=answer) as engine:
        row = await engine.run(f"""
            actions:
              - {{id: token, type: work, on_interrupt: {interrupt}, config: {{}}}}
              - {{id: use, type: work, config: {{text: $action.token}}}}
            output: $action.use
        """)
        broken.clear()
        await _forget_sealed(engine, row.id)
        if interrupt == "fail":
            with pytest.raises(RefusedError, match="token must not be repeated"):
                await engine.dispatcher.rerun(row.id)
            return
        await engine.dispatcher.rerun(row.id)
        row = await engine.ended(row.id)
        assert (row.state, row.output) == ("succeeded", b"true")
        assert len(keys) == 2
        assert len(set(keys)) == 1


async def test_inputs_that_are_gone_refuse_it() -> None:
    """Nothing makes them again; a run that does not need them goes on."""
    answer = Failing("a")
    async with open_engine(answer=answer) as engine:
        for config, is_refused in (("$input.token", True), ("1", False)):
            engine.add(f"""
                inputs: {{token: {{type: string, secret: true}}}}
                actions: [{{id: a, type: work, config: {{value: "{config}"}}}}]
            """)
            row = await engine.ended(await engine.start(inputs={"token": "canary-4b1d77e0"}))
            await _forget_sealed(engine, row.id)
            if is_refused:
                with pytest.raises(RefusedError, match=r"the value of \$input is there no more"):
                    await engine.dispatcher.rerun(row.id)
            else:
                assert (await engine.dispatcher.rerun(row.id)).verdict == "running"


async def _at_rest(engine: Engine) -> None:
    while engine.dispatcher.live:
        await settled()


async def _forget_sealed(engine: Engine, run: str) -> None:
    """As retention does: empty bytes in the place of each sealed value."""
    journal = engine.store.tables.journal[run]
    found = 0
    for seq, append in journal.items():
        events = msgspec.json.decode(append.events)
        for event in events:
            for value in event.values():
                if isinstance(value, dict) and "sealed" in value:
                    value["sealed"] = ""
                    found += 1
        journal[seq] = msgspec.structs.replace(append, events=msgspec.json.encode(events))
    assert found
    assert all(event.value is None or not event.value.sealed for event in await _ends(engine, run))


async def _ends(engine: Engine, run: str) -> list[Finished]:
    return [event for event in await engine.journal(run) if isinstance(event, Finished)]
