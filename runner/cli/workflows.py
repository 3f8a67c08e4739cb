"""
`runner workflows list|show`: what is loaded, broken files with their errors on top; from the daemon or from the folder.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import click
import msgspec

from runner.cli.asking import ask
from runner.cli.options import config_option, json_option, load_settings
from runner.cli.output import compact, json_lines, table, word
from runner.errors import Problem, RefusedError
from runner.settings import Settings


@click.group(short_help="List what is loaded, broken files on top.")
def workflows() -> None:
    """List what is loaded, and show one workflow."""


@workflows.command("list", short_help="List the workflows, broken files with their errors on top.")
@config_option
@json_option
def list_command(*, config: Path | None, as_json: bool) -> None:
    """List the workflows, broken files with their errors on top."""
    settings = load_settings(config).settings
    lines = ask(settings, "/workflows", lambda: _of_folder(settings))
    if as_json:
        json_lines(lines)
        return
    documents = [msgspec.json.decode(line) for line in lines]
    broken = [each for each in documents if each["state"] == "broken"]
    for document in broken:
        for line in _broken(document):
            click.echo(line)
    good = [each for each in documents if each["state"] != "broken"]
    if broken and good:
        click.echo("")
    if not documents:
        click.echo(f"no workflows in {settings.server.workflows}: put a .yaml file there")
    elif good:
        rows = [(each["name"], each["file"], _triggers(each), each["description"]) for each in good]
        for line in table(rows, ("NAME", "FILE", "TRIGGERS", "DESCRIPTION")):
            click.echo(line)


@workflows.command("show", short_help="Show one workflow: inputs, triggers, actions, what is wrong.")
@click.argument("name")
@config_option
@json_option
def show_command(*, name: str, config: Path | None, as_json: bool) -> None:
    """Show one workflow by its NAME, or by its file's: inputs, triggers, actions, and what is wrong with it."""
    settings = load_settings(config).settings
    lines = ask(settings, "/workflows", lambda: _of_folder(settings))
    found = [line for line in lines if _bears(msgspec.json.decode(line), name)]
    if not found:
        raise RefusedError(f"there is no workflow {name[:100]!r}: `runner workflows list` names them", reason="unknown")
    if as_json:
        json_lines(found)
        return
    for line in found:
        document = msgspec.json.decode(line)
        for text in _broken(document) if document["state"] == "broken" else _shown(document):
            click.echo(text)


def _of_folder(settings: Settings) -> list[dict[str, Any]]:
    from runner.cli.folder import workflow_documents  # noqa: PLC0415  a daemon that answers saves loading all of this

    return workflow_documents(settings)


def _bears(document: Mapping[str, Any], name: str) -> bool:
    return name in {document["name"], document["file"], PurePath(document["file"]).stem}


def _broken(document: Mapping[str, Any]) -> Iterator[str]:
    keeps = f"; {document['keeps']} goes on as it was before" if document["keeps"] else ""
    yield f"{word('broken')} {document['file']}{keeps}"
    for problem in document["problems"]:
        yield f"  {msgspec.convert(problem, Problem)}"


def _shown(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"name      {document['name']}"
    yield f"file      {document['file']} (revision {document['revision']})"
    if document["description"]:
        yield f"about     {document['description']}"
    yield f"triggers  {_triggers(document) or 'none: by hand'}"
    for name, field in document["inputs"].items():
        default = f", default {compact(field['default'])}" if "default" in field else ""
        yield f"input     {name}: {field['type']}{', required' if field['required'] else default}"
    for action in document["actions"]:
        yield f"action    {action['id']}: {action['type']}"
    for problem in document["problems"]:
        yield f"{word('warning')}   {msgspec.convert(problem, Problem)}"


def _triggers(document: Mapping[str, Any]) -> str:
    told = []
    for trigger in document["triggers"]:
        rest = " ".join(str(value) for key, value in trigger.items() if key != "type")
        told.append(f"{trigger['type']} {rest}".strip())
    return ", ".join(told)
