"""Runs as wholes: inputs, secrets, limits, children, state between runs."""

from typing import Any

import anyio
import msgspec
import pytest

from runner.engine.admission import Submission
from runner.engine.limits import EngineLimits
from runner.errors import PermanentError, RefusedError
from runner.expressions.labels import Labelled
from runner.ports import Call, Result, RunFilter
from runner.secret import Secret, reveal
from runner.store.memory import MemoryStore
from tests.unit.engine.fakes import WorkConfig
from tests.unit.engine.harness import open_engine, settled

CANARY = "canary-7f3a9c1e5b2d"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "input 'name': missing"),
        ({"name": 5}, "input 'name': expected text, found a whole number"),
        ({"name": "x", "n": True}, "input 'n': expected a whole number, found true or false"),
        ({"name": "x", "nmae": "y"}, "input 'nmae': no such input"),
        ({"name": "x", "level": "high"}, "input 'level': expected one of low, mid"),
        ({"name": None}, "input 'name': expected text, found nothing"),
    ],
)
async def test_inputs_that_do_not_fit_are_refused(inputs: dict[str, Any], message: str) -> None:
    """Before anything is written, naming the input and both types."""
    async with open_engine() as engine:
        engine.add("""
            inputs:
              name: {type: string}
              n: {type: integer, default: 3}
              level: {type: string, default: low, enum: [low, mid]}
            actions: [{id: a, type: work, config: {}}]
        """)
        with pytest.raises(RefusedError, match="flow") as refused:
            await engine.start(inputs=inputs)
        assert message in str(refused.value)
        assert refused.value.reason == "inputs"
        assert refused.value.errors[0]["path"].startswith("inputs.")
        assert await engine.store.find(RunFilter()) == []


async def test_defaults_fill_what_is_not_given() -> None:
    """And the given values are what `$input` says."""
    async with open_engine() as engine:
        row = await engine.run(
            """
            inputs: {a: {type: string}, b: {type: array, default: [1]}}
            actions: [{id: s, type: set, config: $input}]
            output: $action.s
            """,
            {"a": "x"},
        )
        assert row.output == b'{"a":"x","b":[1]}'


async def test_a_secret_arrives_wrapped_and_is_written_nowhere() -> None:
    """The executor gets a Secret; journal and rows hold its name; what came back with it is real to a later action."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        assert isinstance(config.text, Secret) == (call.place == "a")
        return {"echo": reveal(config.text)}

    async with open_engine(secrets={"API_KEY": CANARY}, answer=answer) as engine:
        row = await engine.run("""
            actions:
              - {id: a, type: work, config: {text: "Bearer $secret.API_KEY"}}
              - {id: b, type: work, config: {text: $action.a.echo}}
              - {id: c, type: set, config: {upper: "{{ $secret.API_KEY | upper }}", same: "{{ $action.b.echo == $action.a.echo }}"}}
            output: {got: $action.b.echo, c: $action.c}
        """)
        assert row.state == "succeeded"
        assert engine.work.configs[1].text == f"Bearer {CANARY}"
        stored = b"".join(msgspec.json.encode(each) for each in await engine.store.read(row.id))
        written = stored + repr(row).encode() + repr(engine.events.seen).encode()
        assert CANARY.encode() not in written
        assert CANARY.upper().encode() not in written
        output = msgspec.json.decode(row.output)
        assert output["c"] == {"upper": "[secret API_KEY]", "same": True}


async def test_secrets_are_resolved_only_where_they_are_named_and_reached() -> None:
    """A missing one fails its action alone; a skipped branch resolves nothing."""
    async with open_engine(secrets={"A": "a" * 12, "B": "b" * 12}) as engine:
        row = await engine.run("""
            actions:
              - {id: a, type: work, config: {text: $secret.A}}
              - {id: not-taken, type: work, if: false, config: {text: $secret.B}}
              - {id: missing, type: work, on_error: continue, config: {text: $secret.NOT_THERE}}
              - {id: after, type: set, config: $action.missing.error.type}
            output: $action.after
        """)
        assert row.output == b'"secret"'
        assert engine.resolver.asked == ["A", "NOT_THERE"]


async def test_secrets_are_resolved_in_the_name_of_the_workflow_that_names_them() -> None:
    """A child asks under its own name, not under its caller's."""
    async with open_engine(secrets={"A": "a" * 12}) as engine:
        engine.add("actions: [{id: a, type: work, config: {text: $secret.A}}]", "child")
        await engine.run("actions: [{id: call, type: workflow, config: {name: child}}]", name="parent")
        assert engine.resolver.workflows == {"child"}


async def test_a_replaced_secret_counts_for_the_next_action() -> None:
    """Values are asked for anew at each dispatch."""

    async with open_engine(secrets={"KEY": "old-old-old-old"}) as engine:

        async def replace(config: WorkConfig, call: Call) -> Any:
            engine.resolver.values["secret", "KEY"] = Labelled("new-new-new-new").value
            return reveal(config.text)

        engine.work._answer = replace
        await engine.run("""
            actions:
              - {id: a, type: work, config: {text: $secret.KEY}}
              - {id: b, type: work, config: {text: $secret.KEY}}
        """)
        assert [reveal(config.text) for config in engine.work.configs] == ["old-old-old-old", "new-new-new-new"]


async def test_vars_hold_what_is_resolved_where_it_is_used() -> None:
    """A constant with a reference in it."""
    async with open_engine(env={"HOST": "api.test"}) as engine:
        row = await engine.run("""
            vars: {url: "https://$env.HOST/v1", plain: 3}
            actions: [{id: a, type: work, config: {value: "$vars.url/items/$vars.plain"}}]
            output: $action.a
        """)
        assert row.output == b'"https://api.test/v1/items/3"'


async def test_sensitive_paths_and_labels_of_an_executor_are_masked_and_usable() -> None:
    """What an action calls sensitive is sealed, and the next action has it."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        if call.place == "login":
            return Result({"token": CANARY, "id": 5, "other": "z" + CANARY}, {("other",): frozenset({"response"})})
        return None

    async with open_engine(answer=answer) as engine:
        row = await engine.run("""
            actions:
              - {id: login, type: work, sensitive: [token], config: {}}
              - {id: use, type: work, config: {text: $action.login.token, value: $action.login.id}}
            output: $action.login
        """)
        assert engine.work.configs[1].text.reveal() == CANARY
        output = msgspec.json.decode(row.output)
        assert output == {"token": "[secret sensitive]", "id": 5, "other": "[secret response]"}


async def test_secret_inputs_are_masked() -> None:
    """`secret: true`."""
    async with open_engine() as engine:
        row = await engine.run(
            """
            inputs: {token: {type: string, secret: true}}
            actions: [{id: a, type: work, config: {text: $input.token}}]
            output: $action.a
            """,
            {"token": CANARY},
        )
        assert row.state == "succeeded"
        journal = repr(await engine.journal(row.id))
        assert CANARY not in journal
        assert engine.work.configs[0].text.reveal() == CANARY


async def test_output_makes_the_value_from_this() -> None:
    """On any action; a broken one fails the action."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        return {"rows": [{"n": 1}, {"n": 2}]}

    async with open_engine(answer=answer) as engine:
        row = await engine.run("""
            actions:
              - {id: a, type: work, config: {}, output: "{{ $this.rows | map(attribute='n') | sum }}"}
            output: {total: $action.a}
        """)
        assert row.output == b'{"total":3}'


async def test_a_big_value_lies_in_the_blob_table_once() -> None:
    """And is there again after a fold."""

    async with open_engine() as engine:
        row = await engine.run(
            """
            inputs: {text: {type: string}}
            actions: [{id: a, type: work, config: {value: $input.text}}]
            output: "{{ $action.a | length }}"
            """,
            {"text": "x" * 100_000},
        )
        assert row.output == b"100000"
        assert all(len(msgspec.json.encode(each.events)) < 5000 for each in await engine.store.read(row.id))


async def test_a_run_that_is_queued_beside_a_claim_in_vain_is_claimed() -> None:
    """While a claim is on its way no slot is free: who comes then is queued, and must not wait for somebody's end."""
    store = MemoryStore(auto_commit=False)
    async with open_engine(store=store) as engine:
        engine.add("actions: [{id: a, type: set, config: 1}]")
        live = engine.dispatcher._runs
        live.queued.number = 1  # what a count beside an admission may come to
        live.nudge()
        await settled()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.start)
            await settled()
            for _ in range(10):
                store.commit()
                await settled()
        (row,) = await store.find(RunFilter())
        assert row.state == "succeeded"


async def test_max_concurrent_runs_holds_and_the_queue_empties_in_order() -> None:
    """Runs beyond the slots are rows until there is room."""
    going, most = 0, 0

    async def answer(config: WorkConfig, call: Call) -> Any:
        nonlocal going, most
        going += 1
        most = max(most, going)
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        going -= 1
        return config.value

    async with open_engine(answer=answer, limits=EngineLimits(max_concurrent_runs=5)) as engine:
        engine.add("inputs: {n: {type: integer}}\nactions: [{id: a, type: work, config: {value: $input.n}}]")
        runs = [await engine.start(inputs={"n": n}) for n in range(40)]
        rows = [await engine.ended(run) for run in runs]
        assert {row.state for row in rows} == {"succeeded"}
        assert most <= 5
        assert sorted(call[2] for call in engine.work.calls) == list(range(40))
        assert engine.dispatcher.live == 0


@pytest.mark.parametrize(
    ("concurrency", "verdicts", "states"),
    [
        ("1", ["running", "queued", "queued"], ["succeeded"] * 3),
        ("{limit: 1, when_full: skip}", ["running", "skipped", "skipped"], ["succeeded"]),
        ("{limit: 1, when_full: cancel_running}", ["running", "queued", "queued"], None),
    ],
)
async def test_concurrency_of_a_workflow(concurrency: str, verdicts: list[str], states: list[str] | None) -> None:
    """Queue, skip, or cancel the one that runs."""
    gate = anyio.Event()

    async def answer(config: WorkConfig, call: Call) -> Any:
        await gate.wait()

    async with open_engine(answer=answer) as engine:
        engine.add(f"concurrency: {concurrency}\nactions: [{{id: a, type: work, config: {{}}}}]")
        admitted = [await engine.dispatcher.submit(Submission(workflow="flow")) for _ in range(3)]
        assert [each.verdict for each in admitted] == verdicts
        await settled()
        gate.set()
        if states is not None:
            accepted = [each.run for each in admitted if each.verdict != "skipped"]
            assert [(await engine.ended(run)).state for run in accepted] == states
        else:
            last = await engine.ended(admitted[-1].run)
            first = await engine.ended(admitted[0].run)
            assert (first.state, last.state) == ("cancelled", "succeeded")


async def test_a_concurrency_key_counts_each_value_apart() -> None:
    """One at a time per customer."""
    gate = anyio.Event()

    async def answer(config: WorkConfig, call: Call) -> Any:
        await gate.wait()

    async with open_engine(answer=answer) as engine:
        engine.add("""
            inputs: {customer: {type: string}}
            concurrency: {limit: 1, key: $input.customer, max_queued: 1}
            actions: [{id: a, type: work, config: {}}]
        """)

        async def submit(customer: str) -> Any:
            return await engine.dispatcher.submit(Submission(workflow="flow", inputs=Labelled({"customer": customer})))

        assert [(await submit(name)).verdict for name in ("ann", "bob", "ann")] == ["running", "running", "queued"]
        with pytest.raises(RefusedError, match="max_queued"):
            await submit("ann")
        gate.set()


async def test_a_workflow_action_waits_for_its_child_without_a_slot() -> None:
    """Two hundred parents and one slot: nothing deadlocks (design §2.8)."""
    async with open_engine(limits=EngineLimits(max_concurrent_runs=1)) as engine:
        engine.add(
            "inputs: {n: {type: integer}}\nactions: [{id: a, type: work, config: {value: $input.n}}]\noutput: $action.a",
            "child",
        )
        engine.add(
            """
            inputs: {n: {type: integer}}
            actions: [{id: call, type: workflow, config: {name: child, inputs: {n: $input.n}}}]
            output: $action.call
            """,
            "parent",
        )
        parents = [await engine.start("parent", {"n": n}) for n in range(20)]
        rows = [await engine.ended(run) for run in parents]
        assert [row.output for row in rows] == [str(n).encode() for n in range(20)]
        assert {row.state for row in rows} == {"succeeded"}


async def test_a_childs_failure_is_its_actions() -> None:
    """With its message; wait: false does not look at the end."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        raise PermanentError("no luck", kind="status")

    async with open_engine(answer=answer) as engine:
        engine.add("actions: [{id: a, type: work, config: {}}]", "child")
        row = await engine.run("actions: [{id: call, type: workflow, config: {name: child}}]", name="parent")
        assert row.state == "failed"
        assert "no luck" in row.error
        row = await engine.run(
            "actions: [{id: call, type: workflow, config: {name: child, wait: false}}]", name="careless"
        )
        assert row.state == "succeeded"


async def test_a_cancel_goes_down_to_the_children() -> None:
    """The child of a cancelled parent is cancelled too."""
    started = anyio.Event()

    async def answer(config: WorkConfig, call: Call) -> Any:
        started.set()
        await anyio.sleep_forever()

    async with open_engine(answer=answer) as engine:
        engine.add("actions: [{id: a, type: work, config: {}}]", "child")
        engine.add("actions: [{id: call, type: workflow, config: {name: child}}]", "parent")
        parent = await engine.start("parent")
        await started.wait()
        await settled()
        engine.dispatcher.cancel(parent)
        assert (await engine.ended(parent)).state == "cancelled"
        (child,) = await engine.store.find(RunFilter(workflow="child"))
        assert (await engine.ended(child.id)).state == "cancelled"


async def test_last_is_the_last_succeeded_run() -> None:
    """Absent on the first; a failed run moves nothing and is counted."""

    async def answer(config: WorkConfig, call: Call) -> Any:
        if config.value == "fail":
            raise PermanentError("no", kind="status")
        return config.value

    async with open_engine(answer=answer) as engine:
        engine.add("""
            inputs: {how: {type: string}}
            actions:
              - {id: a, type: work, config: {value: $input.how}}
              - {id: b, type: set, config: {cursor: "{{ $last.output.cursor | default(0) + 1 }}", failures: $run.failures}}
            output: $action.b
        """)
        outputs = []
        for how in ("ok", "ok", "fail", "fail", "ok", "ok"):
            row = await engine.ended(await engine.start(inputs={"how": how}))
            outputs.append(msgspec.json.decode(row.output) if row.output else None)
        assert outputs == [
            {"cursor": 1, "failures": 0},
            {"cursor": 2, "failures": 0},
            None,
            None,
            {"cursor": 3, "failures": 2},
            {"cursor": 4, "failures": 0},
        ]


async def test_an_unknown_workflow_is_refused() -> None:
    """By name."""
    async with open_engine() as engine:
        with pytest.raises(RefusedError, match="no workflow 'nope'"):
            await engine.start("nope")


async def test_draining_takes_nothing_new_and_lets_the_rest_end() -> None:
    """What does not end in time stays live in the journal."""
    gate = anyio.Event()

    async def answer(config: WorkConfig, call: Call) -> Any:
        await gate.wait()

    async with open_engine(answer=answer) as engine:
        engine.add("actions: [{id: a, type: work, config: {}}]")
        run = await engine.start()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.dispatcher.drain, 60)
            await settled()
            with pytest.raises(RefusedError, match="stopping"):
                await engine.start()
            gate.set()
        assert (await engine.store.get(run)).state == "succeeded"


async def test_values_that_double_are_bounded_before_they_are_written() -> None:
    """Thirty `set` actions that each name the one above twice would be gigabytes of JSON."""
    lines = ["  - {id: a0, type: set, config: [1, 2, 3]}"]
    lines += [
        f"  - {{id: a{n}, type: set, config: {{x: $action.a{n - 1}, y: $action.a{n - 1}}}}}" for n in range(1, 31)
    ]
    async with open_engine() as engine:
        row = await engine.run("actions:\n" + "\n".join(lines))
        assert row.state == "failed"
        assert "limits.response_size" in row.error
