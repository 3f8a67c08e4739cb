"""
Whether the inputs that somebody gives are those that a workflow declares.

    declared, given ──checked_inputs()──► Labelled: every declared input, defaults filled in, secret ones labelled

Called where a run is accepted (`runner.engine.dispatcher`) and where a callback is answered: the fields of an answer
have the same shape. Values are never converted: a number given as text is refused, with the field's name and both
types.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET

from runner.definitions.model import Input
from runner.errors import RefusedError
from runner.expressions.labels import NO_LABELS, Labelled, Path, below

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
_WORDS: Final = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object", list: "array"}


def checked_inputs(declared: Mapping[str, Input], given: Labelled, *, what: str) -> Labelled:
    """
    The inputs of a run. `what` names the workflow for the message.

    Raises RefusedError (`inputs`) with one error for each input that is missing, unknown or of another type; no message
    holds a value.
    """
    if not isinstance(given.value, dict):
        raise RefusedError(f"{what}: inputs are a mapping of names to values", reason="inputs")
    errors: list[dict[str, str]] = [
        {"path": f"inputs.{name}", "message": f"{what} declares no input {name!r}{_known(declared)}"}
        for name in given.value
        if name not in declared
    ]
    values: dict[str, Any] = {}
    labels: dict[Path, frozenset[str]] = {}
    for name, field in declared.items():
        message = _take(name, field, given.value, values)
        if message:
            errors.append({"path": f"inputs.{name}", "message": message})
        for path, names in below(given.labels, name).items() if name in given.value else ():
            labels[name, *path] = names
        if field.secret:
            labels[name,] = labels.get((name,), frozenset()) | {f"input.{name}"}
    if errors:
        raise RefusedError(
            f"{what}: " + "; ".join(error["message"] for error in errors), reason="inputs", errors=tuple(errors)
        )
    return Labelled(values, labels or NO_LABELS)


def _take(name: str, field: Input, given: Mapping[str, Any], values: dict[str, Any]) -> str | None:
    if name not in given:
        if field.default is UNSET:
            return f"input {name!r} ({field.type}) is required"
        values[name] = field.default
        return None
    value = given[name]
    if not fits(field, value):
        return f"input {name!r} wants {_article(field.type)}, found {_WORDS.get(type(value), 'null')}"
    if field.enum is not None and value not in field.enum:
        return f"input {name!r} wants one of {', '.join(map(repr, field.enum))}"
    values[name] = value
    return None


def fits(field: Input, value: Any) -> bool:
    """Whether a value is of the declared type; true is no number, and 1.0 is an integer only where it was written 1."""
    if isinstance(value, bool):
        return field.type == "boolean"
    return isinstance(value, _TYPES[field.type])


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aio" else f"a {word}"


def _known(declared: Mapping[str, Input]) -> str:
    return f"; it has {', '.join(sorted(declared))}" if declared else "; it has none"
