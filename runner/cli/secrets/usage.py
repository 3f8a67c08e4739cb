"""
`runner secrets usage`: who uses which secret, and which are missing or unused.

    the daemon's catalog, vault and sightings, or those of the files ──► a table for a person, JSON lines for a program
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from runner.cli.asking import ask
from runner.cli.elsewhere import elsewhere_options
from runner.cli.judging import listed
from runner.cli.options import config_option, json_option, load_settings
from runner.cli.output import json_lines, table, when
from runner.cli.secrets.opening import with_vault
from runner.daemon.on_disk import read_folder
from runner.errors import SecretMissingError
from runner.executors import action_types
from runner.secrets.content import SecretInfo
from runner.secrets.seen import read_seen, seen_path
from runner.secrets.sources import Listing
from runner.secrets.usage import SecretUsage, usage, uses_of
from runner.secrets.vault import Vault
from runner.settings import Settings

_SHOWN = 3
"""Users and hosts that a line of the table names."""


@click.command("usage", short_help="Show which workflows use which secret, and when.")
@click.argument("name", required=False)
@elsewhere_options
@config_option
@json_option
def usage_command(*, name: str | None, config: Path | None, as_json: bool) -> None:
    """
    Show which workflows and actions name which secret, when it was resolved last and for which hosts.

    A secret that is named and not there is missing; one that is there and not named is unused; one that is unlisted may
    be with a further source that cannot list what it has.
    """
    settings = load_settings(config).settings
    lines = ask(settings, "/secrets/usage", lambda: [each.document() for each in usage_of_files(settings)])
    documents = [msgspec.json.decode(line) for line in lines]
    if name is not None:
        documents = [each for each in documents if each["name"] == name]
        if not documents:
            raise SecretMissingError(f"there is no secret {name}, and no workflow names one.", name=name)
    if as_json:
        json_lines(documents)
    elif name is not None:
        _show(documents[0])
    elif not documents:
        click.echo("no secrets yet, and no workflow names one")
    else:
        for line in table([_row(each) for each in documents], ("NAME", "STATE", "IN", "LAST USED", "BY", "FOR")):
            click.echo(line)


def usage_of_files(settings: Settings) -> list[SecretUsage]:
    """From the workflows folder, the vault and what the last daemon kept. Raises RunnerError."""

    async def work(vault: Vault) -> tuple[list[SecretInfo], Listing]:
        return await vault.list(), await listed()

    infos, listing = with_vault(settings, work)
    uses = uses_of(read_folder(settings), action_types())
    return usage(uses, infos, read_seen(seen_path(settings.sqlite.path)), listing)


def _row(document: Mapping[str, Any]) -> tuple[str, ...]:
    users = dict.fromkeys(_user(use) for use in document["uses"])
    last = document["last_resolved"]
    return (
        document["name"],
        document["state"],
        document["source"] or "-",
        when(last) if last else "never",
        _some(list(users)),
        _some(list(document["hosts"])[::-1]),
    )


def _show(document: Mapping[str, Any]) -> None:
    last = document["last_resolved"]
    click.echo(f"{document['name']}: {document['state']}, last used {when(last) if last else 'never'}")
    for use in document["uses"]:
        click.echo(f"  {use['file']}:{use['line']}:{use['column']}: {use['path']} ({_user(use)})")
    for origin, at in document["hosts"].items():
        click.echo(f"  sent to {origin}, last {when(at)}")


def _user(use: Mapping[str, Any]) -> str:
    return f"{use['workflow']}:{use['action']}" if use["action"] else str(use["workflow"])


def _some(texts: list[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more if texts else "-"
