"""Random workflows for the engine's tests: bodies that nest, with every type that the machine knows, and plans of them."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from runner.definitions.model import Action, Body, Workflow
from runner.engine.plan import Plan, make_plan
from tests.unit.engine.fakes import action_type


def plan_of(workflow: Workflow) -> Plan:
    """The plan of a workflow whose executor type is `work`."""
    return make_plan(workflow, {"work": action_type("work")})


@st.composite
def workflows(draw: Any) -> Workflow:
    """A workflow of a handful of actions."""
    counter = iter(range(1000))
    return Workflow(name="random", body=draw(bodies(counter, depth=0)))


@st.composite
def bodies(draw: Any, counter: Iterator[int], depth: int) -> Body:
    main = draw(actions(counter, depth, least=1))
    cleanup = [draw(actions(counter, depth + 1, least=0)) if draw(st.booleans()) else () for _ in range(2)]
    return Body(actions=main, on_failure=cleanup[0], finally_=cleanup[1])


@st.composite
def actions(draw: Any, counter: Iterator[int], depth: int, least: int) -> tuple[Action, ...]:
    made: list[Action] = []
    for _ in range(draw(st.integers(least, 3 if depth else 4))):
        made.append(draw(action(counter, depth, [one.id for one in made])))
    return tuple(made)


@st.composite
def action(draw: Any, counter: Iterator[int], depth: int, above: list[str]) -> Action:
    kinds = (
        ["work", "work", "set", "wait"] + (["group", "group"] if depth < 2 else []) + (["stop"] if depth == 0 else [])
    )
    kind = draw(st.sampled_from(kinds))
    needs = draw(st.none() | st.lists(st.sampled_from(above), unique=True).map(tuple)) if above else None
    loops = kind != "stop" and draw(st.booleans()) and draw(st.booleans())
    fields = {"for_each": "$input.list", "concurrency": draw(st.integers(1, 3))} if loops else {}
    return Action(
        id=f"{kind}-{next(counter)}",
        type=kind,
        config={"for": "5s"} if kind == "wait" else None if kind in {"group", "stop"} else {},
        body=draw(bodies(counter, depth + 1)) if kind == "group" else None,
        needs=needs,
        on_error=draw(st.sampled_from(["fail", "fail", "continue"])),
        timeout=draw(st.none() | st.just(600.0)) if kind == "group" else None,
        **fields,
    )
