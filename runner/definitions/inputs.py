"""
Whether a value fits an `Input`: defaults, what triggers fill in, what calls pass on, what a run is started with.

The checks of a file and of the catalog ask this, and the engine when a run is submitted. Messages name the expected
type and never the value: an input may be a secret.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET

from runner.definitions.model import Input
from runner.expressions.nearest import suggestion

_TYPES: Final[dict[str, tuple[str, tuple[type, ...]]]] = {
    "string": ("text", (str,)),
    "integer": ("a whole number", (int,)),
    "number": ("a number", (int, float)),
    "boolean": ("true or false", (bool,)),
    "object": ("a mapping", (dict,)),
    "array": ("a list", (list, tuple)),
}


def misfit(value: Any, declared: Input) -> str | None:
    """What was expected where `value` does not fit, or None; None too for a type that could not be read."""
    if declared.type not in _TYPES:
        return None
    words, accepted = _TYPES[declared.type]
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
        return f"expected {words}, found {_kind(value)}"
    if declared.enum is not None and not any(_same(value, choice) for choice in declared.enum):
        choices = [str(choice) for choice in declared.enum][:20]
        near = "" if declared.secret or not isinstance(value, str) else suggestion(value, choices)
        return f"expected one of {', '.join(choices)}{near}"
    return None


def filled(inputs: Mapping[str, Input], given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The inputs of a run with their defaults, and by name what is wrong with those given or missing."""
    wrong = {name: f"no such input{suggestion(name, inputs)}" for name in given if name not in inputs}
    values: dict[str, Any] = {}
    for name, declared in inputs.items():
        if name in given:
            values[name] = given[name]
            if message := misfit(given[name], declared):
                wrong[name] = message
        elif declared.default is not UNSET:
            values[name] = declared.default
        else:
            wrong[name] = "missing, and it has no default"
    return values, wrong


def _same(value: Any, choice: Any) -> bool:
    return bool(value == choice) and isinstance(value, bool) == isinstance(choice, bool)


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    for words, accepted in _TYPES.values():
        if isinstance(value, accepted) and isinstance(value, bool) == (bool in accepted):
            return words
    return type(value).__name__
