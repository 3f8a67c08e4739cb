"""
What carries out actions that touch the outer world: the built-in types and those of installed packages.

    action_types() ──► {"http": …, "sql": …, and what the entry-point group `runner.executors` names}

The composition root asks once and hands the types to the loader (their config models) and to the engine (their
executors). An entry point leads to a `runner.ports.ActionType` whose name it bears. Built-in types are imported when
asked for, not before: a command that loads no file imports no driver.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from runner.errors import SettingsError
from runner.ports import ActionType

GROUP: Final = "runner.executors"
BUILT_IN: Final = ("http", "sql")
ENGINES_OWN: Final = frozenset({"set", "group", "stop", "wait", "workflow"})
"""Types that the engine decides itself; no package may bring one of these."""


def action_types(plugins: Iterable[EntryPoint] | None = None) -> Mapping[str, ActionType]:
    """
    Every action type by its name. `plugins` are by default the installed entry points of the group.

    Raises SettingsError, which names the distribution, for one that cannot be imported, is no action type, or bears
    a name that is taken.
    """
    found: dict[str, ActionType] = {name: import_module(f"{__name__}.{name}").ACTION_TYPE for name in BUILT_IN}
    for entry in entry_points(group=GROUP) if plugins is None else plugins:
        kind = _loaded(entry)
        if kind.name in found or kind.name in ENGINES_OWN:
            raise SettingsError(f"{_whose(entry)} brings the action type {kind.name!r}, which is there already")
        found[kind.name] = kind
    return found


def _loaded(entry: EntryPoint) -> ActionType:
    try:
        kind: Any = entry.load()
    except Exception as error:
        reason = type(error).__name__
        raise SettingsError(
            f"{_whose(entry)} cannot be imported ({reason}: {error}); expected {entry.value}"
        ) from error
    if not isinstance(kind, ActionType) or kind.name != entry.name:
        raise SettingsError(f"{_whose(entry)} is no runner.ports.ActionType of that name: {entry.value}")
    return kind


def _whose(entry: EntryPoint) -> str:
    whose = f"of the distribution {entry.dist.name!r}" if entry.dist is not None else "of no distribution"
    return f"the entry point {entry.name!r} {whose} ({GROUP})"
