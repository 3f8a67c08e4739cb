"""
`runner secrets set|policy|rollback|delete`: what changes the vault.

    words of the command line, a value from `asking` ──► one change of the vault ──► a line that says what is true now
"""

from pathlib import Path
from typing import Any

import anyio
import click

from runner.cli.elsewhere import elsewhere, elsewhere_options
from runner.cli.options import config_option, json_option, load_settings, who
from runner.cli.output import json_lines
from runner.cli.secrets.afar import delete_afar, rollback_afar, set_afar
from runner.cli.secrets.asking import given
from runner.cli.secrets.opening import warn_unerased, with_vault
from runner.cli.secrets.policies import policy_options
from runner.daemon.on_disk import read_folder
from runner.errors import RunnerError, UsageError
from runner.executors import action_types
from runner.secrets.documents import policy_document
from runner.secrets.policy import UNCHANGED, Policy, PolicyChange
from runner.secrets.usage import usage, uses_of
from runner.secrets.vault import Vault
from runner.settings import Settings

_if_match = click.option(
    "--if-match", type=click.IntRange(min=1), metavar="N", help="Only if N is the current version."
)


@click.command("set", short_help="Set a secret, or replace it.")
@click.argument("name")
@click.argument("words", metavar="[-]", nargs=-1)
@click.option("--value-file", type=click.Path(path_type=Path), metavar="F", help="Take the value from this file.")
@click.option("--short-ok", is_flag=True, help="Accept a value of under 8 characters, which masking may miss.")
@policy_options
@_if_match
@click.option("--new", "is_new", is_flag=True, help="Only if there is no such secret yet.")
@elsewhere_options
@config_option
@json_option
def set_secret(
    *,
    name: str,
    words: tuple[str, ...],
    value_file: Path | None,
    policy: PolicyChange,
    if_match: int | None,
    is_new: bool,
    config: Path | None,
    as_json: bool,
    **more: Any,
) -> None:
    """
    Set the secret NAME, or replace it; a running daemon has it for its next action.

    The value is asked for without showing it, or read from a file, or with - from standard input. One newline at the
    end of a file or of standard input is not part of it. Hosts, workflows and times that are not given stay as they
    were.
    """
    if is_new and if_match is not None:
        raise UsageError("--new and --if-match: expected one of them")
    api, settings = elsewhere(), load_settings(config).settings
    value = given(name, words, value_file)
    expected = 0 if is_new else if_match

    async def work(vault: Vault) -> int:
        version = await vault.set(name, value, by=who(), policy=policy, if_match=expected, **more)
        warn_unerased(vault)
        return version

    if api is None:
        version = with_vault(settings, work)
    else:
        version = set_afar(api, name, value, policy, if_match=expected, **more)["version"]
    _say(f"{name} is set (version {version})", {"name": name, "version": version}, as_json=as_json)


@click.command("policy", short_help="Change for what and how long a secret may be used.")
@click.argument("name")
@policy_options
@_if_match
@elsewhere_options
@config_option
@json_option
def change_policy(*, name: str, policy: PolicyChange, if_match: int | None, config: Path | None, as_json: bool) -> None:
    """
    Change for which hosts and workflows the secret NAME may be used, and how long, without its value.

    More hosts or workflows than before take the value anew: use `runner secrets set` for that.
    """
    if policy == UNCHANGED:
        raise UsageError("there is nothing to change: give one of the options (runner secrets show NAME shows it)")

    async def work(vault: Vault) -> Policy:
        after = await vault.change_policy(name, policy, by=who(), if_match=if_match)
        warn_unerased(vault)
        return after

    api = elsewhere()
    if api is None:
        document = policy_document(with_vault(load_settings(config).settings, work))
    else:
        found = set_afar(api, name, None, policy, if_match=if_match)
        document = {key: found[key] for key in policy_document(Policy())}
    _say(f"{name} has a new policy", {"name": name, **document}, as_json=as_json)


@click.command("rollback", short_help="Make an old version the current one again.")
@click.argument("name")
@click.argument("version", type=click.IntRange(min=1), metavar="N")
@_if_match
@elsewhere_options
@config_option
@json_option
def rollback(*, name: str, version: int, if_match: int | None, config: Path | None, as_json: bool) -> None:
    """Make version N of the secret NAME the current one again; `runner secrets history NAME` lists them."""

    async def work(vault: Vault) -> bool:
        return await vault.rollback(name, version, by=who(), if_match=if_match)

    api = elsewhere()
    if api is None:
        is_done = with_vault(load_settings(config).settings, work)
    else:
        is_done = rollback_afar(api, name, version, if_match=if_match)
    said = f"{name} is at version {version}{' again' if is_done else ' already'}"
    _say(said, {"name": name, "version": version, "changed": is_done}, as_json=as_json)


@click.command("delete", short_help="Delete a secret with all its versions.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@elsewhere_options
@config_option
@json_option
def delete_secret(*, name: str, yes: bool, config: Path | None, as_json: bool) -> None:
    """
    Delete the secret NAME with all its versions; what is deleted cannot be had back.

    Before that it is said which workflows and actions name the secret, and asked whether it is to go all the same.
    """
    api, settings = elsewhere(), load_settings(config).settings

    async def work(vault: Vault) -> bool:
        await vault.info(name)
        if not yes:
            users = await anyio.to_thread.run_sync(_users, settings, name)
            told = f"{name} is used by {users}. " if users else ""
            question = f"{told}Delete {name} with all its versions?"
            await anyio.to_thread.run_sync(lambda: click.confirm(question, abort=True, err=as_json))
        is_erased = await vault.delete(name, by=who())
        warn_unerased(vault)
        return is_erased

    is_erased = with_vault(settings, work) if api is None else delete_afar(api, name, yes=yes, as_json=as_json)
    _say(f"{name} is deleted", {"name": name, "deleted": True, "erased": is_erased}, as_json=as_json)


def _users(settings: Settings, name: str) -> str:
    """Which actions of the workflows folder name the secret, as a sentence names them; empty where none does."""
    try:
        uses = uses_of(read_folder(settings), action_types())
    except RunnerError:
        return ""  # what cannot be read names nothing; deleting needs no workflows folder
    (found,) = usage([use for use in uses if use.secret == name], [], {}) or (None,)
    return "" if found is None else ", ".join(found.users)


def _say(sentence: str, document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        json_lines([document])
    else:
        click.echo(sentence)
