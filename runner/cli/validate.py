"""
`runner validate [PATH]…`: every error of every file, as editors link them; nothing is run.

    files or folders ──► load_text of each, neighbours of a folder together ──► file:line:column: path: message
    --url              ──► each file alone, by the daemon there, with the types of actions that it has
    --live           ──► runner.daemon.live: what the databases say against each statement, the vault to each secret
    secrets that they name ──► runner.cli.judging: what is wrong with them, where the vault can be opened
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import anyio
import click
import msgspec
from msgspec.structs import replace

from runner.cli.elsewhere import elsewhere, elsewhere_options
from runner.cli.judging import judged, unjudged
from runner.cli.options import config_option, json_option, load_settings
from runner.cli.output import json_lines, word
from runner.client.api import Api
from runner.definitions.catalog import EMPTY, build
from runner.definitions.folder import read, scan
from runner.definitions.load import load_text
from runner.definitions.model import Workflow
from runner.definitions.secret_uses import SecretUse, secret_uses
from runner.definitions.source import MAX_FILE_SIZE
from runner.definitions.specs import Specs
from runner.errors import DefinitionError, Problem, SettingsError, UsageError
from runner.executors import action_types
from runner.secrets.usage import uses_of


class Checked(NamedTuple):
    """
    How many files there were, what is wrong with them, and where those that are right name secrets; `sources` are these
    as workflow, text and file.
    """

    files: int
    problems: tuple[Problem, ...]
    uses: tuple[SecretUse, ...] = ()
    sources: tuple[tuple[Workflow, str, str], ...] = ()


@click.command(short_help="Check workflow files: every error with file, line and column.")
@click.argument("paths", metavar="[PATH]…", nargs=-1, type=click.Path(path_type=Path))
@click.option("--live", is_flag=True, help="Prepare each statement on its database, and ask for each secret.")
@elsewhere_options
@config_option
@json_option
@click.pass_context
def validate(
    context: click.Context, *, paths: tuple[Path, ...], live: bool, config: Path | None, as_json: bool
) -> None:
    """
    Check files, or all files of folders; by default the workflows folder. Exit status 1 if any has an error.

    What stands in a folder is checked together: names, calls of other workflows. A file that is named is checked alone,
    and so is every file with --url, by the daemon there.
    With --live each statement of a `sql` action is prepared on its database, in a transaction that is rolled back,
    and each secret asked for; nothing is executed.
    Secrets that are missing, or not for this workflow, are warnings, where the vault can be opened.
    """
    places = paths or (load_settings(config).settings.server.workflows,)
    api = elsewhere()
    if live and api is not None:
        raise UsageError("--live: works beside the databases and the vault alone: expected no --url")
    if api is None:
        types = action_types()
        found = [_of_folder(place, types) if place.is_dir() else _of_file(place, types) for place in places]
    else:
        found = [_checked_afar(api, place) for place in places]
    checked = sum(each.files for each in found)
    problems = [problem for each in found for problem in each.problems]
    if api is None:
        problems += _of_secrets(config, [use for each in found for use in each.uses])
    if live:
        problems += _live(config, [source for each in found for source in each.sources])
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        json_lines(problems)
    else:
        for problem in problems:
            click.echo(f"{problem}" if problem.severity == "error" else f"{problem} ({word('warning')})")
        click.echo(f"{_number(checked, 'file')} checked, {_number(errors, 'error')}", err=True)
    context.exit(1 if errors else 0)


def _of_file(path: Path, types: Specs) -> Checked:
    """One file, whatever stands beside it. Raises UsageError where it cannot be read."""
    try:
        content = read_workflow(path)
        loaded = load_text(content, str(path), types)
    except DefinitionError as error:
        return Checked(1, error.problems)
    text = content.decode()
    uses = secret_uses(loaded.workflow, text, str(path), types)
    return Checked(1, loaded.problems, uses, ((loaded.workflow, text, str(path)),))


def _live(config: Path | None, sources: Sequence[tuple[Workflow, str, str]]) -> list[Problem]:
    """What databases and vault say against it. Raises SettingsError, SecretError."""
    from runner.daemon.live import Source, open_live  # noqa: PLC0415  drivers are loaded only where they are asked for

    async def main() -> list[Problem]:
        async with open_live(load_settings(config).settings) as looked:
            return [problem for source in sources for problem in await looked.problems(Source(*source))]

    return anyio.run(main)


def _checked_afar(api: Api, place: Path) -> Checked:
    """What the daemon elsewhere finds wrong with each file. Raises RunnerError."""
    try:
        files = [place / name for name in sorted(scan(place))] if place.is_dir() else [place]
    except OSError as error:
        raise _unreadable(place, error) from None
    found: list[Problem] = []
    for file in files:
        answer = api.document("POST", "/workflows/validate", body=read_workflow(file))
        problems = msgspec.convert(answer["problems"], tuple[Problem, ...])
        found += [replace(each, file=str(file)) for each in problems]
    return Checked(len(files), tuple(found))


def read_workflow(path: Path) -> bytes:
    """What stands in a file, one byte more than it may have at most. Raises UsageError."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_SIZE + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _of_folder(folder: Path, types: Specs) -> Checked:
    """The files of a folder, and what is wrong between them. Raises UsageError."""
    try:
        read_files = {name: read(folder, name, signature) for name, signature in scan(folder).items()}
    except OSError as error:
        raise _unreadable(folder, error) from None
    files = {name: content for name, content in read_files.items() if content is not None}
    catalog = build(EMPTY, files, types)
    problems = tuple(replace(each, file=os.path.normpath(folder / each.file)) for each in catalog.problems)
    uses = tuple(replace(each, file=os.path.normpath(folder / each.file)) for each in uses_of(catalog, types))
    sources = tuple(
        (each.workflow, each.source, os.path.normpath(folder / each.file)) for each in catalog.entries.values()
    )
    return Checked(len(files), problems, uses, sources)


def _of_secrets(config: Path | None, uses: list[SecretUse]) -> tuple[Problem, ...]:
    """What is wrong with the secrets that are named, as far as the settings lead to a vault."""
    if not uses:
        return ()
    try:
        settings = load_settings(config).settings
    except SettingsError as error:
        unjudged(error)
        return ()
    return judged(settings, uses)


def _unreadable(path: Path, error: Exception) -> UsageError:
    reason = error.strerror if isinstance(error, OSError) else "that is no path"
    return UsageError(f"{path} cannot be read: {reason}")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
