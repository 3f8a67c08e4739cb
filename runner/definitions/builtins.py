"""
The `config` of the types that the engine decides itself: `set`, `group`, `stop`, `wait`, `workflow`.

`set` takes any value and `group` a body, so these two have no model here. `runner.definitions.load` checks files
against the models, and the engine may read rendered configs with them (`fields.decode`).
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET

from runner.definitions.fields import LITERAL, Duration, Text
from runner.definitions.model import Input
from runner.definitions.response_headers import problem_of_header
from runner.definitions.specs import WrittenConfig
from runner.errors import Problem

WORKFLOW_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")

ConfigModel = type[msgspec.Struct]


class Response(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller that waits is answered: by `stop` or by an `http` trigger."""

    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 200
    headers: dict[str, Any] = {}
    body: Any = UNSET


class StopConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ends the run: failed where `error` is given, else succeeded; `output` replaces the run's."""

    error: Text | None = None
    output: Any = UNSET
    response: Response | None = None


class WaitConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one of: a time span, an instant in ISO 8601, or the fields that somebody answers."""

    for_: Duration | None = msgspec.field(default=None, name="for")
    until: Text | None = None
    callback: Annotated[dict[str, Input], LITERAL] | None = None


class WorkflowCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Starts another workflow, named literally; with `wait` its output is the action's value."""

    name: Annotated[str, LITERAL]
    inputs: dict[str, Any] = {}
    wait: bool = True


def _no_check(_config: WrittenConfig) -> Iterable[Problem]:
    return ()


def _check_wait(config: WrittenConfig) -> Iterable[Problem]:
    given = [key for key in ("for", "until", "callback") if config.raw.get(key) is not None]
    if len(given) != 1:
        yield Problem(message=f"expected exactly one of for, until and callback, found {' and '.join(given) or 'none'}")
    until = config.raw.get("until")
    if isinstance(until, str) and ("until",) not in config.templates and not _is_timestamp(until):
        yield Problem(message="expected a timestamp such as 2026-01-31T09:00:00+01:00, with its zone", path="until")


def _check_stop(config: WrittenConfig) -> Iterable[Problem]:
    response = config.raw.get("response")
    headers = response.get("headers") if isinstance(response, dict) else None
    for name in headers if isinstance(headers, dict) else ():
        if message := problem_of_header(str(name)):
            yield Problem(message=f"the header {str(name)[:40]!r} {message}", path="response.headers")


def _check_call(config: WrittenConfig) -> Iterable[Problem]:
    if not WORKFLOW_NAME.fullmatch(config.raw["name"]):
        yield Problem(
            message="expected a workflow's name, written out: calls in a circle are found at load", path="name"
        )


def _is_timestamp(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


class BuiltinType(msgspec.Struct, frozen=True):
    """One of the engine's own types, as `runner.definitions.specs.ActionSpec` has it."""

    name: str
    config: ConfigModel
    check: Any = _no_check


BUILTIN_SPECS: Final = {
    spec.name: spec
    for spec in (
        BuiltinType("stop", StopConfig, _check_stop),
        BuiltinType("wait", WaitConfig, _check_wait),
        BuiltinType("workflow", WorkflowCall, _check_call),
    )
}
