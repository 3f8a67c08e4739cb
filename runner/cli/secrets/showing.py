"""
`runner secrets list|show|history`: what may be shown of secrets, which is never a value.

    Vault ──SecretInfo──► one document a secret, or with --url the API's ──► a table, or JSON lines
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from runner.cli.elsewhere import elsewhere, elsewhere_options
from runner.cli.options import config_option, json_option, load_settings
from runner.cli.output import json_lines, span, table, when
from runner.cli.secrets.afar import history_afar, show_afar
from runner.cli.secrets.opening import with_vault
from runner.clock import SystemClock
from runner.secrets.content import SecretInfo, VersionInfo
from runner.secrets.documents import secret_document, version_document
from runner.secrets.vault import Vault

_SHOWN = 3
"""Hosts and workflows that a line of the list names."""


@click.command("list", short_help="List the secrets, never their values.")
@elsewhere_options
@config_option
@json_option
def list_secrets(*, config: Path | None, as_json: bool) -> None:
    """List the secrets by name: version, for which hosts and workflows, what is due; never a value."""

    async def work(vault: Vault) -> list[SecretInfo]:
        return await vault.list()

    api = elsewhere()
    if api is not None:
        documents = [msgspec.json.decode(line) for line in api.items("/secrets")]
    else:
        found = with_vault(load_settings(config).settings, work)
        documents = [secret_document(info, SystemClock().wall()) for info in found]
    if as_json:
        json_lines(documents)
    elif not documents:
        click.echo("no secrets yet: runner secrets set NAME")
    else:
        for line in table([_line(each) for each in documents], ("NAME", "VERSION", "SET", "HOSTS", "WORKFLOWS", "DUE")):
            click.echo(line)


@click.command("show", short_help="Show what is known of a secret, never its value.")
@click.argument("name")
@elsewhere_options
@config_option
@json_option
def show_secret(*, name: str, config: Path | None, as_json: bool) -> None:
    """Show what is known of the secret NAME, never its value."""

    async def work(vault: Vault) -> SecretInfo:
        return await vault.info(name)

    api = elsewhere()
    if api is not None:
        document = show_afar(api, name)
    else:
        document = secret_document(with_vault(load_settings(config).settings, work), SystemClock().wall())
    if as_json:
        json_lines([document])
        return
    for key, value in document.items():
        click.echo(f"{key.replace('_', ' '):<17} {_shown(key, value)}")


@click.command("history", short_help="Show the versions of a secret, never their values.")
@click.argument("name")
@elsewhere_options
@config_option
@json_option
def show_history(*, name: str, config: Path | None, as_json: bool) -> None:
    """Show the kept versions of the secret NAME, the newest first: when and by whom each was set, which is current."""

    async def work(vault: Vault) -> tuple[VersionInfo, ...]:
        return await vault.history(name)

    api = elsewhere()
    if api is not None:
        documents = history_afar(api, name)
    else:
        versions = with_vault(load_settings(config).settings, work)[::-1]
        documents = [version_document(name, each) for each in versions]
    if as_json:
        json_lines(documents)
        return
    rows = [(str(each["version"]), when(each["created_at"]), each["created_by"], _remark(each)) for each in documents]
    for line in table(rows, ("VERSION", "SET", "BY", "")):
        click.echo(line)


def _remark(version: dict[str, Any]) -> str:
    if version["current"]:
        return "current"
    return f"not given for {', '.join(version['not_given_for'])}" if version["not_given_for"] else ""


def _line(document: dict[str, Any]) -> tuple[str, ...]:
    return (
        document["name"],
        str(document["version"]),
        when(document["updated_at"]),
        _few(document["allowed_hosts"]),
        _few(document["allowed_workflows"]),
        document["due"] or "",
    )


def _few(names: Sequence[str] | None) -> str:
    if names is None:
        return "any"
    more = f" +{len(names) - _SHOWN}" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "none"


def _shown(key: str, value: Any) -> str:
    if value is None:
        return {"allowed_hosts": "any", "allowed_workflows": "any"}.get(key, "-")
    if key.endswith("_at"):
        return when(value)
    if key == "rotate_every":
        return span(value)
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple | list) else str(value)
