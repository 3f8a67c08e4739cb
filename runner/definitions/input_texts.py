"""
Inputs of a run that were given as text, `--input since=2026-01-01`, as the values that the workflow declares.

    declared types, {"n": "5", "tags": "[1, 2]"} ──parse_inputs()──► {"n": 5, "tags": [1, 2]}

Only the spelling is judged here; whether a value is allowed, missing or unknown is for `runner.engine.inputs` to say.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from runner.definitions.model import Input
from runner.errors import RefusedError

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,4000}")
_EXPECTED: Final = {
    "integer": "an integer such as 5",
    "number": "a number such as 1.5",
    "boolean": "true or false",
    "object": 'a JSON object such as {"a": 1}',
    "array": "a JSON list such as [1, 2]",
}
_JSON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


def parse_inputs(declared: Mapping[str, Input], texts: Mapping[str, str], *, what: str) -> dict[str, Any]:
    """
    The values, by name; of an input that is not declared the text itself.

    Raises RefusedError (`inputs`) with one error for each text that is no spelling of its type; none repeats the text.
    """
    values: dict[str, Any] = {}
    errors: list[dict[str, str]] = []
    for name, text in texts.items():
        kind = declared[name].type if name in declared else "string"
        try:
            values[name] = _parse(kind, text)
        except ValueError:
            errors.append({"path": f"inputs.{name}", "message": f"input {name!r} wants {_EXPECTED[kind]}"})
    if errors:
        message = f"{what}: " + "; ".join(error["message"] for error in errors)
        raise RefusedError(message, reason="inputs", errors=tuple(errors))
    return values


def meant(declared: Mapping[str, Input], sent: Mapping[str, str]) -> dict[str, str]:
    """The texts of a form without the empty ones, so that defaults count, but for those that can be nothing."""
    return {name: text for name, text in sent.items() if text or _may_be_empty(declared.get(name))}


def _may_be_empty(field: Input | None) -> bool:
    """Whether an empty text is meant: where its default was shown and can be typed over."""
    return (
        field is not None
        and field.type == "string"
        and isinstance(field.default, str)
        and not (field.secret or field.enum is not None)
    )


def _parse(kind: str, text: str) -> Any:
    if kind == "string":
        return text
    if kind == "integer":
        if not _INTEGER.fullmatch(text.strip()):
            raise ValueError(kind)
        return int(text)
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise ValueError(kind) from None
    if not isinstance(value, _JSON_TYPES[kind]) or (kind == "number" and isinstance(value, bool)):
        raise ValueError(kind)
    return value
