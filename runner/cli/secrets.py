"""
`runner secrets set|list|show|delete`: the vault, whether a daemon runs or not.

    prompt, file or standard input ──► Vault of this process ──► the vault's file ──► a running daemon's next action

The vault's file may be written by several processes; the daemon notices a change before its next action. A value is
never an argument, is never printed, and stands in no error.
"""

import getpass
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import click

from runner.cli.options import config_option, json_option, load_settings
from runner.cli.output import json_lines, table, when
from runner.clock import SystemClock, iso
from runner.errors import RunnerError, UsageError, VaultKeyError
from runner.secrets.content import SecretInfo
from runner.secrets.keys import parse
from runner.secrets.master_key import read_master_key
from runner.secrets.vault import Vault, open_vault
from runner.settings import Settings

T = TypeVar("T")

_MOST_BYTES: Final = 1_000_000
"""Read of a file or standard input at most; the vault itself takes less and says how much."""


@click.group(short_help="Set, list and delete the secrets of the vault.")
def secrets() -> None:
    """Set, list and delete the secrets that workflows name as $secret.NAME."""


@secrets.command("set", short_help="Set a secret, or replace it.")
@click.argument("name")
@click.argument("words", metavar="[-]", nargs=-1)
@click.option("--value-file", type=click.Path(path_type=Path), metavar="F", help="Take the value from this file.")
@click.option("--short-ok", is_flag=True, help="Accept a value of under 8 characters, which masking may miss.")
@config_option
def set_secret(
    *, name: str, words: tuple[str, ...], value_file: Path | None, short_ok: bool, config: Path | None
) -> None:
    """
    Set the secret NAME, or replace it; a running daemon has it for its next action.

    The value is asked for without showing it, or read from a file, or with - from standard input. One newline at the
    end of a file or of standard input is not part of it.
    """
    if words not in {(), ("-",)}:
        raise UsageError("a value is never an argument: leave it out to be asked, or use --value-file F or -")
    if words and value_file:
        raise UsageError("--value-file and -: expected one of them")
    settings = load_settings(config).settings
    from_stdin = bool(words) or str(value_file) == "-"
    value = _given(None if from_stdin else value_file, name, from_stdin=from_stdin)

    async def work(vault: Vault) -> int:
        return await vault.set(name, value, by=getpass.getuser(), short_ok=short_ok)

    version = _with_vault(settings, work)
    click.echo(f"{name} is set (version {version})")


@secrets.command("list", short_help="List the secrets, never their values.")
@config_option
@json_option
def list_secrets(*, config: Path | None, as_json: bool) -> None:
    """List the secrets by name: version and times, never a value."""

    async def work(vault: Vault) -> list[SecretInfo]:
        return await vault.list()

    documents = [_document(info) for info in _with_vault(load_settings(config).settings, work)]
    if as_json:
        json_lines(documents)
    elif not documents:
        click.echo("no secrets yet: runner secrets set NAME")
    else:
        rows = [(each["name"], str(each["version"]), when(each["updated_at"])) for each in documents]
        for line in table(rows, ("NAME", "VERSION", "SET")):
            click.echo(line)


@secrets.command("show", short_help="Show what is known of a secret, never its value.")
@click.argument("name")
@config_option
@json_option
def show_secret(*, name: str, config: Path | None, as_json: bool) -> None:
    """Show what is known of the secret NAME, never its value."""

    async def work(vault: Vault) -> SecretInfo:
        return await vault.info(name)

    document = _document(_with_vault(load_settings(config).settings, work))
    if as_json:
        json_lines([document])
        return
    for key, value in document.items():
        click.echo(f"{key.replace('_', ' '):<11} {when(value) if key.endswith('_at') else value}")


@secrets.command("delete", short_help="Delete a secret with all its versions.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def delete_secret(*, name: str, yes: bool, config: Path | None) -> None:
    """Delete the secret NAME with all its versions; what is deleted cannot be had back."""

    async def work(vault: Vault) -> bool:
        await vault.info(name)
        if not yes:
            await anyio.to_thread.run_sync(lambda: click.confirm(f"Delete {name} with all its versions?", abort=True))
        return await vault.delete(name)

    is_erased = _with_vault(load_settings(config).settings, work)
    click.echo(f"{name} is deleted")
    if not is_erased:
        click.echo("runner: warning: the file was being read, its bytes are erased with the next delete", err=True)


def _given(value_file: Path | None, name: str, *, from_stdin: bool) -> str | bytes:
    if value_file is not None:
        try:
            with value_file.open("rb") as file:
                return _without_newline(file.read(_MOST_BYTES))
        except OSError as error:
            raise UsageError(f"--value-file: {value_file} cannot be read: {error.strerror}") from None
    if from_stdin:
        return _without_newline(sys.stdin.buffer.read(_MOST_BYTES))
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask for the value: use --value-file F, or - for standard input")
    value: str = click.prompt(f"Value of {name}", hide_input=True, confirmation_prompt="Once more")
    return value


def _without_newline(data: bytes) -> bytes:
    return data.removesuffix(b"\n").removesuffix(b"\r")


def _document(info: SecretInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "version": info.version,
        "created_at": iso(info.created_at),
        "updated_at": iso(info.updated_at),
    }


def _with_vault(settings: Settings, work: Callable[[Vault], Awaitable[T]]) -> T:
    async def main() -> T:
        async with _opened(settings) as vault:
            return await work(vault)

    try:
        return anyio.run(main)
    except BaseExceptionGroup as group:
        ours = group.subgroup((RunnerError, click.Abort))
        raise (ours or group).exceptions[0] from None


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Vault]:
    dashboard = settings.dashboard
    text = await read_master_key(
        text=dashboard.master_key, file=dashboard.master_key_file, command=dashboard.master_key_command
    )
    if text is None:
        raise VaultKeyError(
            "there is no vault, since no master key is set: make one with `runner init`, or set [dashboard] master_key"
        )
    async with open_vault(settings.sqlite.path, parse(text.reveal()), clock=SystemClock()) as vault:
        yield vault
