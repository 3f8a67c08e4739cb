"""
`runner secrets set|delete`: what changes the vault.

    words of the command line, a value from `asking` ──► one change of the vault ──► a line that says what is true now
"""

import getpass
from pathlib import Path

import anyio
import click

from runner.cli.folder import read_folder
from runner.cli.options import config_option, load_settings
from runner.cli.secrets.asking import given
from runner.cli.secrets.opening import with_vault
from runner.errors import RunnerError
from runner.executors import action_types
from runner.secrets.usage import usage, uses_of
from runner.secrets.vault import Vault
from runner.settings import Settings


@click.command("set", short_help="Set a secret, or replace it.")
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
    settings = load_settings(config).settings
    value = given(name, words, value_file)

    async def work(vault: Vault) -> int:
        return await vault.set(name, value, by=getpass.getuser(), short_ok=short_ok)

    version = with_vault(settings, work)
    click.echo(f"{name} is set (version {version})")


@click.command("delete", short_help="Delete a secret with all its versions.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def delete_secret(*, name: str, yes: bool, config: Path | None) -> None:
    """
    Delete the secret NAME with all its versions; what is deleted cannot be had back.

    Before that it is said which workflows and actions name the secret, and asked whether it is to go all the same.
    """
    settings = load_settings(config).settings

    async def work(vault: Vault) -> bool:
        await vault.info(name)
        if not yes:
            users = await anyio.to_thread.run_sync(_users, settings, name)
            told = f"{name} is used by {users}. " if users else ""
            question = f"{told}Delete {name} with all its versions?"
            await anyio.to_thread.run_sync(lambda: click.confirm(question, abort=True))
        return await vault.delete(name, by=getpass.getuser())

    is_erased = with_vault(settings, work)
    click.echo(f"{name} is deleted")
    if not is_erased:
        click.echo("runner: warning: the file was being read, its bytes are erased with the next delete", err=True)


def _users(settings: Settings, name: str) -> str:
    """Which actions of the workflows folder name the secret, as a sentence names them; empty where none does."""
    try:
        uses = uses_of(read_folder(settings), action_types())
    except RunnerError:
        return ""  # what cannot be read names nothing; deleting needs no workflows folder
    (found,) = usage([use for use in uses if use.secret == name], [], {}) or (None,)
    return "" if found is None else ", ".join(found.users)
