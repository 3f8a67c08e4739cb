"""
The form that starts a run: one field for each input of a workflow, and what somebody typed as values.

    inputs ──fields()──► Field: text, choice or password ──browser──► typed() ──► {"n": 5}, or what is wrong by field

It works without JavaScript: what was wrong comes back beside its field, the other fields as they were, a secret one
empty. Numbers are text here, since a browser would round long ones.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET

from runner.definitions.input_texts import meant, parse_inputs
from runner.definitions.model import Input

PREFIX: Final = "input."
"""Before an input's name in the form, so that no input can be taken for another field."""

_KINDS: Final = {"string": "text", "integer": "integer", "number": "number", "boolean": "choice"}
_HINTS: Final = {
    "integer": "a whole number",
    "number": "a number",
    "object": 'JSON, such as {"a": 1}',
    "array": "JSON, such as [1, 2]",
}


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """
    One input: `kind` is `text`, `integer`, `number`, `json`, `choice` or `secret`; `choices` are texts, the empty one
    leaves the input out. `value` is never that of a secret.
    """

    name: str
    kind: str
    required: bool
    value: str = ""
    choices: tuple[str, ...] = ()
    description: str = ""
    hint: str = ""
    error: str = ""


def fields(
    inputs: Mapping[str, Input], sent: Mapping[str, str] | None = None, wrong: Mapping[str, str] | None = None
) -> list[Field]:
    """The fields with their defaults, or as they were sent; `wrong` by the name of the input."""
    texts, errors = sent or {}, wrong or {}
    return [_field(name, each, texts.get(PREFIX + name), errors.get(name, "")) for name, each in inputs.items()]


def typed(inputs: Mapping[str, Input], sent: Mapping[str, str], *, what: str) -> dict[str, Any]:
    """
    The values of a form. An empty field leaves its input out, unless it is a text that had a default.

    Raises RefusedError (`inputs`) for what is no spelling of its type; none of it holds what was typed.
    """
    texts = {name: sent[PREFIX + name].replace("\r\n", "\n") for name in inputs if PREFIX + name in sent}
    return parse_inputs(inputs, meant(inputs, texts), what=what)


def _field(name: str, each: Input, sent: str | None, error: str) -> Field:
    required = each.default is UNSET
    default = "" if required or each.secret else _text(each.type, each.default)
    choices: tuple[str, ...] = ()
    kind = _KINDS.get(each.type, "json")
    if each.secret:
        kind = "secret"
    elif each.enum is not None or each.type == "boolean":
        kind = "choice"
        choices = tuple(_text(each.type, choice) for choice in each.enum or (True, False))
    return Field(
        name=name,
        kind=kind,
        required=required,
        value="" if each.secret else default if sent is None else sent,
        choices=("", *choices) if choices and default not in choices else choices,
        description=each.description,
        hint="leave it empty for its default" if each.secret and not required else _HINTS.get(each.type, ""),
        error=error,
    )


def _text(kind: str, value: Any) -> str:
    """A value as `parse_inputs` reads it back."""
    return value if kind == "string" and isinstance(value, str) else msgspec.json.encode(value).decode()
