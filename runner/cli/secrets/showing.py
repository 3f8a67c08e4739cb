"""
`runner secrets list|show`: what may be shown of secrets, which is never a value.

    Vault ──SecretInfo──► one document a secret ──► a table for a person, JSON lines for a program
"""

from pathlib import Path
from typing import Any

import click

from runner.cli.options import config_option, json_option, load_settings
from runner.cli.output import json_lines, table, when
from runner.cli.secrets.opening import with_vault
from runner.clock import iso
from runner.secrets.content import SecretInfo
from runner.secrets.vault import Vault


@click.command("list", short_help="List the secrets, never their values.")
@config_option
@json_option
def list_secrets(*, config: Path | None, as_json: bool) -> None:
    """List the secrets by name: version and times, never a value."""

    async def work(vault: Vault) -> list[SecretInfo]:
        return await vault.list()

    documents = [_document(info) for info in with_vault(load_settings(config).settings, work)]
    if as_json:
        json_lines(documents)
    elif not documents:
        click.echo("no secrets yet: runner secrets set NAME")
    else:
        rows = [(each["name"], str(each["version"]), when(each["updated_at"])) for each in documents]
        for line in table(rows, ("NAME", "VERSION", "SET")):
            click.echo(line)


@click.command("show", short_help="Show what is known of a secret, never its value.")
@click.argument("name")
@config_option
@json_option
def show_secret(*, name: str, config: Path | None, as_json: bool) -> None:
    """Show what is known of the secret NAME, never its value."""

    async def work(vault: Vault) -> SecretInfo:
        return await vault.info(name)

    document = _document(with_vault(load_settings(config).settings, work))
    if as_json:
        json_lines([document])
        return
    for key, value in document.items():
        click.echo(f"{key.replace('_', ' '):<11} {when(value) if key.endswith('_at') else value}")


def _document(info: SecretInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "version": info.version,
        "created_at": iso(info.created_at),
        "updated_at": iso(info.updated_at),
    }
