"""
Checks across files: calls of other workflows, http paths, names that run triggers wait for.

    entries ──faults()──► for each workflow what is wrong with it beside its neighbours

`runner.definitions.catalog` decides what becomes of a workflow that has a fault. Places are found by reading the file
again, which costs only those that have one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import UNSET

from runner.definitions.check import every_action
from runner.definitions.findings import Findings, Severity
from runner.definitions.inputs import misfit
from runner.definitions.model import Workflow
from runner.definitions.paths import Path
from runner.definitions.references import may_be_template
from runner.definitions.source import read_text
from runner.definitions.trigger_checks import path_form
from runner.definitions.yaml import read_yaml
from runner.errors import Problem
from runner.expressions.nearest import suggestion


class Fault(NamedTuple):
    """Something wrong with a workflow: where in its file, and what."""

    path: Path
    message: str


class _Call(NamedTuple):
    path: Path
    name: str
    inputs: Mapping[str, Any]


Workflows = Mapping[str, Workflow]
"""By name, in the order in which they came to be: of two that exclude each other, the later one is at fault."""


def placed(source: str, file: str, faults: Sequence[Fault], severity: Severity = "error") -> tuple[Problem, ...]:
    """Faults as problems with line and column in the file."""
    findings = Findings(read_yaml(read_text(source.encode(), file), file))
    for fault in faults:
        findings.at(fault.path, fault.message, severity=severity)
    return findings.problems


def faults(workflows: Workflows) -> dict[str, list[Fault]]:
    """What is wrong, by the name of the workflow at fault."""
    found: dict[str, list[Fault]] = {}
    calls = {name: list(_calls(workflow)) for name, workflow in workflows.items()}
    for name in workflows:
        for call in calls[name]:
            found.setdefault(name, []).extend(_call_faults(call, workflows))
    for name, fault in _circles(calls):
        found.setdefault(name, []).append(fault)
    for name, fault in _paths(workflows):
        found.setdefault(name, []).append(fault)
    return {name: problems for name, problems in found.items() if problems}


def doubts(workflow: Workflow, known: Workflows) -> list[Fault]:
    """What may be a mistake: a run trigger that names a workflow which is not there."""
    found: list[Fault] = []
    for index, trigger in enumerate(workflow.triggers):
        if trigger.type == "run":
            names = trigger.config.get("workflow")
            listed = names if isinstance(names, list) else [names]
            path: Path = ("triggers", index, "config", "workflow")
            for position, name in enumerate(listed):
                if name != "*" and name not in known:
                    place = (*path, position) if isinstance(names, list) else path
                    found.append(Fault(place, f"no workflow is called {name}{suggestion(str(name), known)}"))
    return found


def _calls(workflow: Workflow) -> Iterator[_Call]:
    for action, path, _ in every_action(workflow.body):
        if action.type == "workflow":
            yield _Call((*path, "config"), action.config["name"], action.config.get("inputs") or {})


def _call_faults(call: _Call, workflows: Workflows) -> Iterator[Fault]:
    called = workflows.get(call.name)
    if called is None:
        yield Fault((*call.path, "name"), f"no workflow is called {call.name}{suggestion(call.name, workflows)}")
        return
    if not isinstance(call.inputs, dict):
        return
    for name, value in call.inputs.items():
        place = (*call.path, "inputs", name)
        if name not in called.inputs:
            yield Fault(place, f"{call.name} declares no input {name}{suggestion(name, called.inputs)}")
        elif not may_be_template(value) and (message := misfit(value, called.inputs[name])):
            yield Fault(place, f"{message} (input of {call.name})")
    for name, declared in called.inputs.items():
        if declared.default is UNSET and name not in call.inputs:
            yield Fault(call.path, f"the input {name} of {call.name} has no default: give it a value under inputs")


def _circles(calls: Mapping[str, list[_Call]]) -> Iterator[tuple[str, Fault]]:
    """Each call through which a workflow comes back to itself, told of the workflow that came last."""
    ages = {name: age for age, name in enumerate(calls)}
    for name, own in calls.items():
        for call in own:
            way = _way(call.name, name, calls)
            if way and all(ages[name] >= ages[other] for other in way):
                yield name, Fault((*call.path, "name"), f"these workflows call each other: {' → '.join((name, *way))}")


def _way(start: str, goal: str, calls: Mapping[str, list[_Call]]) -> tuple[str, ...]:
    """The names from `start` to `goal` by calls, or nothing."""
    came_from: dict[str, str | None] = {start: None}
    waiting = [start] if start in calls else []
    while waiting and goal not in came_from:
        current = waiting.pop()
        for call in calls[current]:
            if call.name not in came_from and call.name in calls:
                came_from[call.name] = current
                waiting.append(call.name)
    if goal not in came_from:
        return ()
    way: list[str] = []
    step: str | None = goal
    while step is not None:
        way.append(step)
        step = came_from[step]
    return tuple(reversed(way))


def requests(workflow: Workflow) -> dict[int, tuple[str, str]]:
    """Which requests its http triggers take, method and form of the path, by the trigger's index."""
    return {
        index: (str(trigger.config.get("method", "POST")), path_form(str(trigger.config["path"])))
        for index, trigger in enumerate(workflow.triggers)
        if trigger.type == "http"
    }


def _paths(workflows: Workflows) -> Iterator[tuple[str, Fault]]:
    """Http triggers of two workflows that match the same requests."""
    taken: dict[tuple[str, str], str] = {}
    for name, workflow in workflows.items():
        for index, form in requests(workflow).items():
            owner = taken.setdefault(form, name)
            if owner != name:
                message = f"the workflow {owner} takes the same requests: {form[0]} {form[1]}"
                yield name, Fault(("triggers", index, "config", "path"), message)
