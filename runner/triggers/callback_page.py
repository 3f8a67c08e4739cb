"""
The page on which a person answers a callback, and what the page says when there is nothing to answer.

    Question, texts so far, errors ──question_page()──► HTML with a form of the declared fields
    title, message                 ──plain_page()─────► HTML without one

No script, no file besides: its one style is allowed by its hash, everything else is forbidden (`PAGE_HEADERS`). There
is no session that a foreign page could use, and the address is the only proof of who may answer, so the form needs no
token against forgery. Called by `runner.triggers.callbacks`.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import msgspec
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup
from msgspec import UNSET

from runner.clock import iso
from runner.definitions.model import Input
from runner.engine.callbacks import Question

_AREA_FROM: Final = 80
_HINTS: Final = {
    "integer": "a whole number",
    "number": "a number such as 1.5",
    "object": 'a JSON object such as {"a": 1}',
    "array": "a JSON list such as [1, 2]",
}
_MODES: Final = {"integer": "numeric", "number": "decimal"}


class Moment(NamedTuple):
    """An instant, for people and for machines."""

    iso: str
    text: str


class Choice(NamedTuple):
    """One of the values that a field may have."""

    value: str
    label: str


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A field as the form shows it. `value` is its text so far."""

    name: str
    kind: str
    value: str
    description: str
    hint: str
    inputmode: str
    error: str
    required: bool
    secret: bool
    choices: Sequence[Choice]


def question_page(
    question: Question, texts: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> bytes:
    """The form. `texts` are what was sent before, `errors` by field; the empty name is for the whole."""
    wrong = errors or {}
    message = wrong.get("", "") or ("Some fields need another look." if wrong else "")
    return _rendered(
        title=f"{question.action}: an answer is wanted",
        question=question,
        since=_moment(question.since),
        until=_moment(question.until),
        fields=[_field(name, field, texts, wrong.get(name, "")) for name, field in question.fields.items()],
        message=message,
    )


def plain_page(title: str, message: str) -> bytes:
    """A page that only says something."""
    return _rendered(title=title, message=message, question=None, since=None, until=None, fields=())


def page_headers() -> tuple[tuple[str, str], ...]:
    """The headers of each of these pages."""
    digest = b64encode(hashlib.sha256(_text("callback.css").encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    return (("content-type", "text/html; charset=utf-8"), ("content-security-policy", policy))


def _field(name: str, field: Input, texts: Mapping[str, str] | None, error: str) -> Field:
    is_plain = field.type in {"string", "integer", "number"}
    choices = _choices(field)
    value = "" if field.secret else (texts or {}).get(name, "" if texts is not None else _spelled(field.default))
    is_long = field.type in {"object", "array"} or (is_plain and not field.secret and len(value) > _AREA_FROM)
    return Field(
        name=name,
        kind="choice" if choices else "area" if is_long else "line",
        value=value,
        description=field.description,
        hint=_HINTS.get(field.type, ""),
        inputmode=_MODES.get(field.type, ""),
        error=error,
        required=field.default is UNSET,
        secret=field.secret,
        choices=choices,
    )


def _choices(field: Input) -> Sequence[Choice]:
    if field.secret:
        return ()
    if field.enum is not None:
        return [Choice(_spelled(value), _spelled(value)) for value in field.enum]
    return [Choice("true", "Yes"), Choice("false", "No")] if field.type == "boolean" else ()


def _spelled(value: Any) -> str:
    if value is UNSET or value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _moment(wall: float | None) -> Moment | None:
    if wall is None:
        return None
    return Moment(iso(wall), datetime.fromtimestamp(wall, UTC).strftime("%A, %d %B %Y, %H:%M UTC"))


@cache
def _text(name: str) -> str:
    return (files(__package__) / "pages" / name).read_text("utf-8")


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_text("callback.html"))


def _rendered(**values: Any) -> bytes:
    return _template().render(style=Markup(_text("callback.css")), **values).encode()  # noqa: S704  our own file
