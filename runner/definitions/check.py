"""
Cross checks of one file: what no single value can say of itself.

    Workflow + positions ──check()──► ids unique, needs known and without a cycle, references that lead somewhere

`runner.definitions.load` calls this with what could be read, stand-ins included, so that all errors come at once. The
walk mirrors the file: a body at a path, its phases, the bodies of its groups. What concerns several files is
`runner.definitions.neighbours`'.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from runner.definitions.action_checks import check_action
from runner.definitions.findings import Findings
from runner.definitions.kinds import leaf_kinds
from runner.definitions.model import Action, Body, Workflow
from runner.definitions.order import Order, dangling, order_of
from runner.definitions.paths import Path
from runner.definitions.references import References
from runner.definitions.sight import CONSTANTS, FileNames, Sight
from runner.definitions.specs import Specs
from runner.definitions.trigger_checks import path_parameters
from runner.definitions.workflow_checks import check_inputs, check_triggers
from runner.expressions.nearest import suggestion

MAX_ACTIONS: Final = 500

_ID: Final = re.compile(r"(?=.{1,100}\Z)[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*")

Placed = tuple[Action, Path, tuple[str, ...]]


def check(workflow: Workflow, findings: Findings, specs: Specs) -> None:
    """Tell everything that is wrong across the file; of one with too many actions only that."""
    placed = list(every_action(workflow.body))
    if len(placed) > MAX_ACTIONS:
        message = f"a workflow has at most {MAX_ACTIONS} actions, this one has {len(placed)}"
        findings.at(placed[MAX_ACTIONS][1], message)
        return
    _Check(workflow, findings, specs, placed).file()


def every_action(body: Body, path: Path = (), holders: tuple[str, ...] = ()) -> Iterator[Placed]:
    """Each action of a body and of the bodies in it, with its key path and the ids of the groups around it."""
    for phase, actions in phases(body):
        for index, action in enumerate(actions):
            place = (*path, phase, index)
            yield action, place, holders
            if action.body is not None:
                yield from every_action(action.body, (*place, "config"), (*holders, action.id))


def phases(body: Body) -> tuple[tuple[str, tuple[Action, ...]], ...]:
    """The phases of a body by the keys that they have in a file."""
    return ("actions", body.actions), ("on_failure", body.on_failure), ("finally", body.finally_)


class _Check:
    def __init__(self, workflow: Workflow, findings: Findings, specs: Specs, placed: list[Placed]) -> None:
        self.workflow = workflow
        self.findings = findings
        self.specs = specs
        self.references = References(findings)
        self.placed = placed
        self.orders = {path: order_of(actions) for path, actions in _every_phase(workflow.body, ())}
        self.names = FileNames(
            inputs=workflow.inputs,
            vars=workflow.vars,
            actions={action.id: action for action, _, _ in self.placed},
            holders={action.id: holders for action, _, holders in self.placed},
            phases={action.id: str(path[-2]) for action, path, _ in self.placed},
            before={name: before for order in self.orders.values() for name, before in order.before.items()},
            parameters=_parameters(workflow),
        )

    def file(self) -> None:
        workflow = self.workflow
        self.ids()
        self.stops()
        constants = Sight(self.names, CONSTANTS)
        for name, value in workflow.vars.items():
            self.references.check(value, constants, ("vars", name))
        check_inputs(workflow, self.findings)
        ended = Sight(self.names, ran=frozenset(action.id for action in workflow.body.actions))
        check_triggers(workflow, self.findings, self.references, ended)
        if workflow.concurrency is not None and workflow.concurrency.key is not UNSET:
            key = Sight(self.names, CONSTANTS | {"vars", "trigger"})
            self.references.check(workflow.concurrency.key, key, ("concurrency", "key"), {(): "expression"})
        self.body(workflow.body, (), Sight(self.names))

    def ids(self) -> None:
        """Well formed and unique in the file."""
        seen: dict[str, Path] = {}
        for action, path, _ in self.placed:
            node = self.findings.node((*path, "id"))
            if node is None or node.broken or not isinstance(node.value, str):
                continue
            if not _ID.fullmatch(action.id):
                self.findings.at((*path, "id"), "expected an id of letters, digits, _ and single -, as in fetch-orders")
            elif action.id in seen:
                first = self.findings.node(seen[action.id])
                line = first.line if first is not None else 0
                self.findings.at(
                    (*path, "id"), f"the id {action.id} stands here a second time; the first is in line {line}"
                )
            else:
                seen[action.id] = (*path, "id")

    def stops(self) -> None:
        """A run cannot be ended by one item of several."""
        for action, path, holders in self.placed:
            loop = next((name for name in (*holders, action.id) if self.names.actions[name].loops), None)
            if action.type == "stop" and loop is not None:
                message = f"stop would end the run in the middle of the for_each of {loop}: put it after the loop"
                self.findings.at((*path, "type"), message)

    def body(self, body: Body, path: Path, outer: Sight) -> None:
        """`outer` is what its own actions see besides each other."""
        ran = outer.ran
        for phase, actions in phases(body):
            order = self.orders[*path, phase]
            self.needs(actions, order, (*path, phase))
            for index, action in enumerate(actions):
                seen = ran | order.before.get(action.id, frozenset())
                self.action(action, (*path, phase, index), _at(outer, seen, action.id))
            ran |= {action.id for action in actions}
            if phase == "actions":
                used = self.output(body, path, _at(outer, ran, ""))
                self.dangling(actions, order, used, (*path, phase))

    def output(self, body: Body, path: Path, sight: Sight) -> set[str]:
        """Check a body's output; give the ids that it names."""
        if body.output is UNSET:
            return set()
        named = self.references.check(body.output, sight, (*path, "output"))
        return {str(reference.path[0]) for reference in named if reference.root == "action" and reference.path}

    def needs(self, actions: Sequence[Action], order: Order, path: Path) -> None:
        here = [action.id for action in actions]
        for index, action in enumerate(actions):
            for position, need in enumerate(action.needs or ()):
                place = (*path, index, "needs", position)
                if need == action.id:
                    self.findings.at(place, f"{need} cannot wait for itself")
                elif need not in here:
                    self.findings.at(place, self.stranger(need, here))
        if len(order.cycle) > 1:
            circle = " → ".join((*order.cycle, order.cycle[0]))
            index = here.index(order.cycle[0])
            self.findings.at((*path, index, "needs"), f"these actions wait for each other: {circle}")

    def stranger(self, need: str, here: list[str]) -> str:
        if need in self.names.holders:
            return f"{need} stands in another body or phase; needs names actions of the same list"
        return f"no action of this list has the id {need}{suggestion(need, here)}"

    def dangling(self, actions: Sequence[Action], order: Order, used: set[str], path: Path) -> None:
        for identity in dangling(actions, order, used):
            index = next(index for index, action in enumerate(actions) if action.id == identity)
            message = f"nothing waits for {identity}: add it to the needs of what should"
            self.findings.at((*path, index, "id"), message, severity="warning")

    def action(self, action: Action, path: Path, sight: Sight) -> None:
        check_action(action, path, self.findings)
        within = sight.also("item", "index") if action.loops else sight
        attempt = within.also("this")
        if action.loops:
            self.references.check(action.for_each, sight, (*path, "for_each"), {(): "expression"})
        if action.if_ is not None:
            self.references.check(action.if_, within, (*path, "if"), {(): "expression"})
        if action.retry is not None and action.retry.until is not None:
            self.references.check(action.retry.until, attempt, (*path, "retry", "until"), {(): "expression"})
        if action.output is not UNSET:
            self.references.check(action.output, attempt, (*path, "output"))
        if action.body is not None:
            inside = msgspec.structs.replace(within, holders=(*within.holders, action.id))
            self.body(action.body, (*path, "config"), inside)
        elif action.config is not None:
            spec = self.specs.get(action.type)
            kinds = leaf_kinds(action.config, spec.config if spec else None)
            self.references.check(action.config, within, (*path, "config"), kinds)


def _every_phase(body: Body, path: Path) -> Iterator[tuple[Path, tuple[Action, ...]]]:
    """Each list of actions of a file with its key path."""
    for phase, actions in phases(body):
        yield (*path, phase), actions
        for index, action in enumerate(actions):
            if action.body is not None:
                yield from _every_phase(action.body, (*path, phase, index, "config"))


def _at(outer: Sight, ran: frozenset[str], own: str) -> Sight:
    return Sight(outer.names, outer.roots, ran, own, outer.holders)


def _parameters(workflow: Workflow) -> frozenset[str] | None:
    """The `{name}` parts of the triggers' paths, or None where a file has no http trigger."""
    paths = [trigger.config.get("path") for trigger in workflow.triggers if trigger.type == "http"]
    texts = [path for path in paths if isinstance(path, str)]
    return frozenset(name for path in texts for name in path_parameters(path)) if texts else None
