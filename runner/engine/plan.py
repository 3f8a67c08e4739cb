"""
Turn one workflow into what a run needs to go through it: order, compiled templates, config models.

    Workflow --make_plan()--> Plan ─ body: BodyPlan ─ phases ─ ActionPlan ─(group)─ body: BodyPlan

A plan is a value: built once a revision, shared by its runs, holding no socket and no clock. Unknown needs and cycles
were refused by `runner.definitions.check`, so a plan can always finish. `runner.engine.dispatcher` keeps the plans of
the revisions in use; `runner.engine.evolve` asks them what follows what.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec

from runner.definitions.builtins import BUILTIN_SPECS
from runner.definitions.kinds import leaf_kinds
from runner.definitions.model import Action, Body, Retry, Workflow
from runner.definitions.triggers import TriggerResponse
from runner.events import PhaseName
from runner.expressions.labels import Path
from runner.expressions.template import Template, compile_expression, compile_template
from runner.ports import ActionType

FLOW_TYPES = frozenset({"set", "group", "stop", "wait", "workflow"})
"""Types that the engine decides itself; every other is an executor's."""


_NOW = re.compile(r"\bnow\s*\(")


class Names(msgspec.Struct, frozen=True):
    """The secrets and environment variables that evaluating something needs."""

    secrets: frozenset[str] = frozenset()
    env: frozenset[str] = frozenset()

    def __or__(self, other: "Names") -> "Names":
        return Names(self.secrets | other.secrets, self.env | other.env) if other else self

    def __bool__(self) -> bool:
        return bool(self.secrets or self.env)


NO_NAMES = Names()


class Piece:
    """A compiled template with the names that it needs, those of the `vars` it mentions included."""

    __slots__ = ("names", "template", "uses_last", "uses_start", "volatile")

    def __init__(self, template: Template, variables: Mapping[str, "Piece"]) -> None:
        self.template = template
        self.names = NO_NAMES
        self.uses_last = self.uses_start = False
        self.volatile = not template.is_constant and _mentions_time(template.source)
        for use in template.uses:
            root, path = use.reference.root, use.reference.path
            if root == "secret":
                self.names |= Names(frozenset({str(path[0])}))
            elif root == "env":
                self.names |= Names(env=frozenset({str(path[0])}))
            elif root == "vars" and path and path[0] in variables:
                self.names |= variables[str(path[0])].names
                self.volatile = self.volatile or variables[str(path[0])].volatile
            elif root == "last" or (root == "run" and path[:1] == ("failures",)):
                self.uses_last = True
            elif root == "run" and path[:1] == ("started_at",):
                self.uses_start = True


class ActionPlan:
    """One action: its model, its compiled parts, and what it waits for (ids in the same phase of the same body)."""

    def __init__(self, action: Action, needs: tuple[str, ...], compiler: "_Compiler") -> None:
        self.action = action
        self.id = action.id
        self.type = action.type
        self.needs = needs
        self.condition = compiler.expression(action.if_)
        self.items = compiler.value(action.for_each, {(): "expression"}) if action.loops else None
        self.output = compiler.value(action.output) if action.output is not msgspec.UNSET else None
        self.retry: Retry | None = action.retry
        self.until = compiler.expression(action.retry.until) if action.retry else None
        self.model: type[msgspec.Struct] | None = None
        self.config: Piece | None = None
        self.body: BodyPlan | None = None
        self.sensitive: tuple[Path, ...] = tuple(_path_of(text) for text in action.sensitive)
        if action.body is not None:
            self.body = BodyPlan(action.body, compiler)
        elif action.type == "set":
            self.config = compiler.value(action.config)
        else:
            builtin = action.type in FLOW_TYPES
            self.model = (BUILTIN_SPECS if builtin else compiler.types)[action.type].config
            self.config = compiler.value(action.config or {}, leaf_kinds(action.config or {}, self.model))

    def pieces(self) -> Iterator[Piece]:
        """Everything of it that is evaluated, what is inside of a group too."""
        own = (self.condition, self.items, self.output, self.until, self.config)
        yield from (piece for piece in own if piece is not None)
        if self.body is not None:
            yield from self.body.pieces()

    @property
    def volatile(self) -> bool:
        """Whether what an attempt does depends on the time it began at, so that its start must be on disk first."""
        return self.config is not None and self.config.volatile

    @property
    def continues(self) -> bool:
        """Whether its failure leaves its body going."""
        return self.action.on_error == "continue"


class PhasePlan:
    """The actions of one phase of a body, in the order written."""

    def __init__(self, actions: tuple[Action, ...], compiler: "_Compiler") -> None:
        self.actions: dict[str, ActionPlan] = {}
        self.dependents: dict[str, list[str]] = {action.id: [] for action in actions}
        above: str | None = None
        for action in actions:
            needs = action.needs if action.needs is not None else ((above,) if above else ())
            self.actions[action.id] = ActionPlan(action, needs, compiler)
            for need in needs:
                self.dependents[need].append(action.id)
            above = action.id

    def __bool__(self) -> bool:
        return bool(self.actions)


class BodyPlan:
    """A body: its three phases and its output."""

    def __init__(self, body: Body, compiler: "_Compiler") -> None:
        self.phases: dict[PhaseName, PhasePlan] = {
            "main": PhasePlan(body.actions, compiler),
            "on_failure": PhasePlan(body.on_failure, compiler),
            "finally": PhasePlan(body.finally_, compiler),
        }
        self.output = compiler.value(body.output) if body.output is not msgspec.UNSET else None

    def pieces(self) -> Iterator[Piece]:
        """Everything in it that is evaluated."""
        for phase in self.phases.values():
            for action in phase.actions.values():
                yield from action.pieces()
        if self.output is not None:
            yield self.output


class Plan:
    """A workflow, ready to be gone through."""

    def __init__(self, workflow: Workflow, revision: str, types: Mapping[str, ActionType]) -> None:
        compiler = _Compiler(types)
        self.workflow = workflow
        self.revision = revision
        self.vars: dict[str, Piece] = {}
        for name, value in workflow.vars.items():
            self.vars[name] = compiler.value(value)
        compiler.variables = self.vars
        self.body = BodyPlan(workflow.body, compiler)
        self.concurrency_key = (
            compiler.value(workflow.concurrency.key, {(): "expression"})
            if workflow.concurrency and workflow.concurrency.key is not msgspec.UNSET
            else None
        )
        self.responses = {
            index: compiler.value(response, leaf_kinds(response, TriggerResponse, literal=True))
            for index, trigger in enumerate(workflow.triggers)
            if (response := trigger.config.get("response")) is not None
        }
        self.uses_last = any(piece.uses_last for piece in compiler.pieces)
        uses_start = self.uses_last or any(piece.uses_start for piece in compiler.pieces)
        self.uses_start = uses_start or workflow.timeout is not None

    def pieces(self) -> Iterator[Piece]:
        """Everything that its runs evaluate."""
        yield from self.vars.values()
        yield from self.body.pieces()

    @cached_property
    def definition(self) -> bytes:
        """The revision's JSON."""
        return self.workflow.encode()


def make_plan(workflow: Workflow, types: Mapping[str, ActionType]) -> Plan:
    """
    Compile a workflow that `runner.definitions` found right.

    Raises ExpressionSyntaxError or KeyError for one that it would have refused (a stored revision whose type is gone).
    """
    return Plan(workflow, workflow.revision, types)


class _Compiler:
    def __init__(self, types: Mapping[str, ActionType]) -> None:
        self.types = types
        self.variables: Mapping[str, Piece] = {}
        self.pieces: list[Piece] = []

    def value(self, raw: Any, kinds: Mapping[Path, Any] | None = None) -> Piece:
        return self._keep(compile_template(raw, kinds))

    def expression(self, text: str | None) -> Piece | None:
        return None if text is None else self._keep(compile_expression(text))

    def _keep(self, template: Template) -> Piece:
        piece = Piece(template, self.variables)
        self.pieces.append(piece)
        return piece


def _mentions_time(source: Any) -> bool:
    """Whether an expression in it may call `now()`, whose answer must be the same when an attempt is repeated."""
    if isinstance(source, dict | list):
        return any(map(_mentions_time, source.values() if isinstance(source, dict) else source))
    return isinstance(source, str) and _NOW.search(source) is not None


def _path_of(text: str) -> Path:
    return tuple(int(name) if name.isdigit() else name for name in text.split("."))
