"""
What an expression at one place of a file may name, and what to say of a reference that names nothing there.

    Sight(file, ran={"fetch"}).problem($action.fetsh.body) → "no action has the id fetsh; did you mean fetch?"

One `FileNames` a file holds what is declared; a `Sight` is that plus the place: which actions ran before, whether there
is an item, an attempt's value. `runner.definitions.references` asks for each reference. Pure.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET

from runner.definitions.model import Action, Input
from runner.expressions.nearest import suggestion
from runner.expressions.template import Reference

TRIGGER_FIELDS: Final = ("body", "raw", "headers", "query", "params", "path", "method", "auth", "scheduled_at", "run")
LAST_FIELDS: Final = ("output", "id", "started_at")
RUN_FIELDS: Final = (
    "id",
    "workflow",
    "started_at",
    "attempt",
    "recoveries",
    "failures",
    "error",
    "failed_action",
    "callback",
)
EVERYWHERE: Final = frozenset({"secret", "env", "vars", "input", "trigger", "last", "run", "action"})
CONSTANTS: Final = frozenset({"secret", "env", "input"})
"""What `vars` may name."""
ADMISSION: Final = frozenset({"secret", "env", "vars", "trigger", "last"})
"""What a trigger may name: nothing of a run, since there is none yet."""

_WHERE: Final = {
    "item": "$item means something only with for_each and inside its group",
    "index": "$index means something only with for_each and inside its group",
    "this": "$this means something only in an action's output, retry.until, expect and paginate",
    "action": "no action has run yet when this is computed",
    "input": "the run has no inputs yet when this is computed",
    "run": "there is no run yet when this is computed",
    "last": "the last run is not known yet when this is computed",
}
_CONSTANT: Final = "a constant may name $env, $secret and $input, nothing of a run and no other constant"
_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})


class FileNames(msgspec.Struct, frozen=True):
    """
    Everything that a file declares.

    `holders` says where an id stands: the ids of the groups around it; `phases` in which phase of that body; `before`
    what has ended there when it begins. `parameters` are the `{name}` parts of its http triggers, None without any.
    """

    inputs: Mapping[str, Input]
    vars: Mapping[str, Any]
    actions: Mapping[str, Action]
    holders: Mapping[str, tuple[str, ...]]
    phases: Mapping[str, str]
    before: Mapping[str, frozenset[str]]
    parameters: frozenset[str] | None


class Sight(msgspec.Struct, frozen=True):
    """
    What a place sees: `ran` are the ids that have ended there.

    `own` is the id of the action that it belongs to, empty for a body's output; `holders` are the groups around it.
    """

    names: FileNames
    roots: frozenset[str] = EVERYWHERE
    ran: frozenset[str] = frozenset()
    own: str = ""
    holders: tuple[str, ...] = ()

    def also(self, *roots: str) -> "Sight":
        """The same place with further roots."""
        return msgspec.structs.replace(self, roots=self.roots | set(roots))

    def problem(self, reference: Reference) -> str | None:
        """What is wrong with a reference here, or None."""
        root, path = reference.root, reference.path
        if root not in self.roots:
            return _CONSTANT if self.roots == CONSTANTS else _WHERE[root]
        first = path[0] if path else None
        if first is None:
            return None
        if root == "action":
            return self._action(str(first), path[1:])
        if root in ("input", "vars"):
            return self._declared(root, str(first), path[1:])
        if root == "trigger":
            return self._field(root, first, TRIGGER_FIELDS) or self._parameter(path)
        if root == "last":
            return self._field(root, first, LAST_FIELDS)
        if root == "run":
            return self._field(root, first, RUN_FIELDS) or self._callback(path)
        return None

    @staticmethod
    def _field(root: str, name: str | int, known: tuple[str, ...]) -> str | None:
        if name in known:
            return None
        return f"${root} has no {name}{suggestion(str(name), known)} (known: {', '.join(known)})"

    def _declared(self, root: str, name: str, rest: tuple[str | int, ...]) -> str | None:
        declared: Mapping[str, Any] = self.names.inputs if root == "input" else self.names.vars
        if name not in declared:
            what = "input" if root == "input" else "constant under vars"
            return f"no {what} is called {name}{suggestion(name, declared, f'${root}.{{}}')}"
        if root == "input":
            kind = declared[name].type
            scalar = kind if kind in _SCALARS and rest else None
            return _walked_into(f"$input.{name}", f"declared as {kind}", rest) if scalar else None
        return walk(declared[name], rest, f"$vars.{name}")

    def _parameter(self, path: tuple[str | int, ...]) -> str | None:
        known = self.names.parameters
        if path[0] != "params" or len(path) == 1 or known is None or path[1] in known:
            return None
        return f"no trigger's path has a part {{{path[1]}}}{suggestion(str(path[1]), known)}"

    def _callback(self, path: tuple[str | int, ...]) -> str | None:
        if path[0] != "callback":
            return None
        waiting = {name for name, action in self.names.actions.items() if _has_callback(action)}
        if len(path) == 1 or path[1] not in waiting:
            near = suggestion(str(path[1]), waiting) if len(path) > 1 else ""
            known = ", ".join(sorted(waiting)) or "none"
            return f"$run.callback needs the id of a wait with a callback{near} (known: {known})"
        return self._of_items(str(path[1]))

    def _of_items(self, name: str) -> str | None:
        """Whether a callback is asked once an item, seen from outside of the items."""
        if self.names.actions[name].loops:
            return f"each item of {name} has an address of its own: loop over a group of {name} and of what sends it"
        outer = [group for group in self.names.holders[name] if group not in self.holders]
        if looping := next((group for group in outer if self.names.actions[group].loops), None):
            return f"each item of {looping} has an address of its own: only what is inside of {looping} can send it"
        return None

    def _action(self, name: str, rest: tuple[str | int, ...]) -> str | None:
        if name in self.ran:
            return walk_value(self.names.actions[name], rest)
        holders = self.names.holders.get(name)
        if holders is None:
            near = suggestion(name, self.ran) or suggestion(name, self.names.holders)
            return f"no action has the id {name}{near}"
        if name == self.own:
            return f"{name} has no value yet: what the attempt just got is $this, in output and retry.until"
        if name in self.holders:
            return f"{name} is the group around this and has no value yet"
        if holders != self.holders[: len(holders)]:
            return f"{name} stands inside the group {holders[-1]} and is seen only there: name it in the group's output"
        return self._too_early(name, (*self.holders, self.own)[len(holders)])

    def _too_early(self, name: str, beside: str) -> str:
        """`beside` is what stands in one body with `name` and holds this place; empty for the body's output."""
        phase = self.names.phases[name]
        if phase != self.names.phases.get(beside, "actions") or not beside:
            return f"{name} runs in {phase}, after this"
        if beside in self.names.before.get(name, ()):
            return f"{name} runs after {beside} and has no value yet"
        return f"{name} does not run before {beside}: add it to the needs of {beside}"


def walk_value(action: Action, rest: tuple[str | int, ...]) -> str | None:
    """Whether a path can lead anywhere in what an action gives, where the file itself says what that is."""
    if action.loops or action.output is not UNSET or not rest or rest[0] == "error":
        return None
    if action.body is not None and action.body.output is not UNSET:
        return walk(action.body.output, rest, f"$action.{action.id}")
    if action.type == "set":
        return walk(action.config, rest, f"$action.{action.id}")
    if _has_callback(action) and rest[0] not in action.config["callback"]:
        known = action.config["callback"]
        return f"the callback {action.id} asks for no {rest[0]}{suggestion(str(rest[0]), known)}"
    return None


def walk(value: Any, rest: tuple[str | int, ...], shown: str) -> str | None:
    """Whether a path leads anywhere in a value that stands in the file; a text with a template may be anything."""
    for step in rest:
        if isinstance(value, dict):
            if step not in value:
                return f"{shown} has no {step}{suggestion(str(step), value)}"
            value = value[step]
        elif value is None or isinstance(value, list) or (isinstance(value, str) and ("$" in value or "{{" in value)):
            return None
        else:
            return _walked_into(shown, "text" if isinstance(value, str) else "no mapping", rest)
        shown += f".{step}"
    return None


def _walked_into(shown: str, what: str, rest: tuple[str | int, ...]) -> str:
    return (
        f"{shown} is {what}: nothing lies below it; to write .{rest[0]} as text, delimit: {{{{ {shown} }}}}.{rest[0]}"
    )


def _has_callback(action: Action) -> bool:
    return action.type == "wait" and isinstance(action.config, dict) and isinstance(action.config.get("callback"), dict)
