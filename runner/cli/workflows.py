"""
`runner workflows list|show|pause|resume`: what is loaded, broken files on top, when schedules fire, who may not fire.

The daemon answers, or where none runs the folder; a pause is then written under the store's lock.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, Final
from urllib.parse import quote

import anyio
import click
import msgspec

from runner.cli.asking import ask, reach
from runner.cli.elsewhere import elsewhere_options
from runner.cli.options import config_option, json_option, load_settings, who
from runner.cli.output import compact, json_lines, table, when, word
from runner.errors import Problem, RefusedError
from runner.ports import Firings
from runner.settings import Settings

_NOT_SAID: Final = frozenset({"type", "identity", "next", "last"})


@click.group(short_help="List what is loaded, broken files on top; pause and resume triggers.")
def workflows() -> None:
    """List what is loaded, show one workflow, pause and resume its triggers."""


@workflows.command("list", short_help="List the workflows, broken files with their errors on top.")
@elsewhere_options
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
        rows = [(each["name"], each["file"], _triggers(each), _next(each), each["description"]) for each in good]
        for line in table(rows, ("NAME", "FILE", "TRIGGERS", "NEXT", "DESCRIPTION")):
            click.echo(line)


@workflows.command("show", short_help="Show one workflow: inputs, triggers, actions, what is wrong.")
@click.argument("name")
@elsewhere_options
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


@workflows.command("pause", short_help="Let a workflow's triggers fire no more, until it is resumed.")
@click.argument("name")
@elsewhere_options
@config_option
def pause_command(*, name: str, config: Path | None) -> None:
    """
    Pause the workflow NAME: its triggers fire no more, over restarts too. It can still be started by hand.
    """
    settings, by = load_settings(config).settings, who()
    _change(settings, name, "pause", {"by": by}, lambda firings: firings.pause(name, by))
    click.echo(f"{name} is paused: runner workflows resume {name}")


@workflows.command("resume", short_help="Let a paused workflow's triggers fire again.")
@click.argument("name")
@elsewhere_options
@config_option
def resume_command(*, name: str, config: Path | None) -> None:
    """
    Resume the workflow NAME. What its schedules missed follows their `catch_up`.
    """
    settings = load_settings(config).settings

    async def resume(firings: Firings) -> None:
        if name not in await firings.paused():
            raise RefusedError(f"{name} is not paused", reason="not_paused")
        await firings.resume(name)

    _change(settings, name, "resume", {}, resume)
    click.echo(f"{name} is resumed")


def _change(
    settings: Settings, name: str, verb: str, body: Mapping[str, str], otherwise: Callable[[Firings], Awaitable[None]]
) -> None:
    with reach(settings) as daemon:
        if daemon is not None:
            list(daemon.lines("POST", f"/workflows/{quote(name, safe='')}/{verb}", body=body))
            return
    from runner.store.sqlite import open_store  # noqa: PLC0415  a daemon that answers saves loading all of this

    async def main() -> None:
        async with open_store(settings.sqlite.runs_path, allow_network=settings.sqlite.network_filesystem) as store:
            await otherwise(store.firings)

    if verb == "pause" and not _is_there(settings, name):
        raise RefusedError(f"there is no workflow {name[:100]!r}: `runner workflows list` names them", reason="unknown")
    anyio.run(main)


def _of_folder(settings: Settings) -> list[dict[str, Any]]:
    from runner.cli.folder import workflow_documents  # noqa: PLC0415  a daemon that answers saves loading all of this

    return workflow_documents(settings)


def _is_there(settings: Settings, name: str) -> bool:
    from runner.daemon.on_disk import read_folder  # noqa: PLC0415  a daemon that answers saves loading all of this
    from runner.web.catalog_documents import broken_document  # noqa: PLC0415  the same

    catalog = read_folder(settings)
    return name in catalog.entries or any(name == broken_document(each)["name"] for each in catalog.broken)


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
    if document["paused"]:
        yield f"paused    since {when(document['paused']['at'])} by {document['paused']['by']}"
    for trigger in document["triggers"]:
        yield from _firings(trigger)
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
        rest = " ".join(str(value) for key, value in trigger.items() if key not in _NOT_SAID)
        told.append(f"{trigger['type']} {rest}".strip())
    return ", ".join(told)


def _next(document: Mapping[str, Any]) -> str:
    """The next firing of any schedule."""
    if document["paused"]:
        return "paused"
    return when(min((trigger["next"][0] for trigger in document["triggers"] if trigger.get("next")), default=None))


def _firings(trigger: Mapping[str, Any]) -> Iterator[str]:
    for time in trigger.get("next", ()):
        yield f"next      {when(time)}"
    for row in trigger.get("last", ()):
        told = row["run"] or row["message"]
        yield f"last      {when(row['scheduled_at'])} {row['outcome']}{f': {told}' if told else ''}"
