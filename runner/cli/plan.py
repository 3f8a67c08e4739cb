"""
`runner plan FILE|NAME`: what a run would send where, secrets masked; nothing is sent and no secret is read.

    the file, or what a daemon that starts now would load ──make_plan──► outlook ──► lines, or JSON

What only a run can know stands as `<$action.fetch.body>`. `$env` is that of this command, as far as `[env]` lets it.
"""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, Final

import anyio
import click
import msgspec

from runner.cli.options import config_option, inputs_option, json_option, load_settings, trigger_option
from runner.cli.output import compact, json_lines, word
from runner.cli.run import parse_pairs, run_request
from runner.daemon.on_disk import read_folder
from runner.definitions.input_texts import parse_inputs
from runner.definitions.inputs import filled
from runner.definitions.load import load_text
from runner.definitions.model import Workflow
from runner.engine.outlook import Foreseen, Known, outlook
from runner.engine.plan import Plan, make_plan
from runner.errors import DefinitionError, RefusedError, SecretError
from runner.executors import action_types
from runner.expressions.foresee import Unknown
from runner.expressions.labels import Labelled
from runner.expressions.labels import Path as ValuePath
from runner.secrets.environment import Environment
from runner.settings import Settings
from runner.web.lines import RunRequest

_LONGEST: Final = 10_000
_PHASES: Final = {"on_failure": "where it fails:", "finally": "at its end:"}


@click.command(short_help="Show what a run would send where, secrets masked; nothing is sent.")
@click.argument("workflow", metavar="FILE|NAME")
@inputs_option("An input, as `runner run` takes it. One that is missing is shown as <$input.NAME>.")
@trigger_option
@json_option
@config_option
@click.pass_context
def plan(
    context: click.Context,
    *,
    workflow: str,
    inputs: tuple[str, ...],
    trigger: Path | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """
    Show each action in an order in which they may run: whether it would, what it would send, and where.

    Guards, lists and texts are evaluated as far as they are known before a run; what an earlier action gets stands as
    <$action.ID>, a secret as [secret NAME]. Exit status 1 where something would fail for certain.
    """
    settings = load_settings(config).settings
    request = run_request(workflow, parse_pairs(inputs), trigger)
    made = make_plan(_chosen(settings, request), action_types())
    found = outlook(made, _known(settings, made, request))
    if as_json:
        json_lines(found)
    else:
        for line in _lines(found):
            click.echo(line)
    context.exit(1 if any(each.decision == "fails" for each in found) else 0)


def _chosen(settings: Settings, request: RunRequest) -> Workflow:
    if request.source is not None:
        return load_text(request.source.encode(), request.file, action_types()).workflow
    catalog = read_folder(settings)
    entry = catalog.entries.get(request.name)
    if entry is None:
        if wrong := [each for each in catalog.broken if PurePath(each.file).stem == request.name]:
            raise DefinitionError(wrong[0].problems)
        raise RefusedError(
            f"there is no workflow {request.name[:100]!r}: `runner workflows list` names them", reason="unknown"
        )
    return entry.workflow


def _known(settings: Settings, made: Plan, request: RunRequest) -> Known:
    env, hidden = anyio.run(variables, settings, made)
    return Known(
        inputs=_inputs(made.workflow, request.inputs),
        env=env,
        hidden=hidden,
        trigger=None if request.trigger is None else Labelled(request.trigger),
        now=time.time(),
    )


def _inputs(workflow: Workflow, texts: Mapping[str, str]) -> Labelled:
    """Those given and the defaults; one that is missing is unknown. Raises RefusedError for one that does not fit."""
    given = parse_inputs(workflow.inputs, texts, what=workflow.name)
    values, wrong = filled(workflow.inputs, given)
    missing = [name for name in workflow.inputs if name not in values]
    if told := [f"input {name!r}: {message}" for name, message in wrong.items() if name not in missing]:
        raise RefusedError(f"{workflow.name}: {'; '.join(told)}", reason="inputs")
    labels: dict[ValuePath, frozenset[str]] = {
        (name,): frozenset({f"input.{name}"}) for name, each in workflow.inputs.items() if each.secret
    }
    return Labelled(values | {name: Unknown(f"<$input.{name}>") for name in missing}, labels)


async def variables(settings: Settings, made: Plan) -> tuple[dict[str, str], frozenset[str]]:
    """Values of the plain variables that are named, and the names of those that are secret."""
    environment = Environment(os.environ, allow=settings.env.allow, secret=settings.env.secret)
    env: dict[str, str] = {}
    hidden: set[str] = set()
    for name in sorted({name for piece in made.pieces() for name in piece.names.env}):
        try:
            found = (await environment.resolve(frozenset({name})))[name]
        except SecretError:
            hidden |= {name} if environment.is_secret(name) else set()
            continue
        if found.is_secret:
            hidden.add(name)
        else:
            env[name] = found.value
    return env, frozenset(hidden)


def _lines(found: list[Foreseen]) -> Iterator[str]:
    phase = "main"
    for each in found:
        if each.phase != phase and "/" not in each.place:
            phase = each.phase
            yield ""
            yield _PHASES[phase]
        yield from _action(each)


def _action(each: Foreseen) -> Iterator[str]:
    indent = "  " * (each.place.count("/") + each.place.count("["))
    notes = [f"after {', '.join(each.after)}"] if each.after else []
    if each.items is not None:
        notes.append(f"for each of {each.items}{' items' if isinstance(each.items, int) else ''}")
    if each.guard is not None:
        notes.append(f"{'skipped, since not' if each.decision == 'skipped' else 'only if'} {each.guard}")
    elif each.decision == "not reached":
        notes.append("not reached")
    yield f"{indent}{each.place}  {each.type}{''.join(f', {note}' for note in notes)}"
    if each.error is not None:
        yield f"{indent}    {word('failed')}: {each.error}"
    for line in _sent(each):
        yield f"{indent}    {line}"


def _sent(each: Foreseen) -> Iterator[str]:
    match each.type, each.config:
        case _, None:
            return
        case "http", dict() as config:
            yield from _request(dict(config))
        case "sql", dict() as config:
            yield from _statements(dict(config))
        case _, config:
            yield compact(config, _LONGEST)


def _request(config: dict[str, Any]) -> Iterator[str]:
    yield f"{config.pop('method', 'GET')} {_text(config.pop('url'))}"
    for name, value in config.pop("query", {}).items():
        yield f"? {name}={_text(value)}"
    for name, value in config.pop("headers", {}).items():
        yield f"{name}: {_text(value)}"
    for name, value in config.items():
        yield f"{name}: {compact(value, _LONGEST)}"


def _statements(config: dict[str, Any]) -> Iterator[str]:
    yield f"to {_text(config.pop('connection_string'))}"
    statements = config.pop("queries", None) or [config.pop("query", None)]
    for statement in statements:
        if not isinstance(statement, dict):
            continue
        yield from statement["text"].strip().splitlines()
        for source, value in statement["values"].items():
            yield f"  {source} = {compact(value, _LONGEST)}"
    for name, value in config.items():
        yield f"{name}: {compact(value, _LONGEST)}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
