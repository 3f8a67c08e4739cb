"""
`runner secrets rotate-master-key`: another master key, while a daemon runs or not.

    the new key is on disk or shown ──► beside the old one (--write) ──► the vault is rotated ──► the old one goes

In this order, so that a kill at any instant loses no key: the vault opens under one of the two, and both are known.
A running daemon is handed the key over its control socket and rotates the vault itself.
"""

import os
import sys
from pathlib import Path
from typing import Any

import anyio
import click
import msgspec

from runner.cli.options import config_option, load_settings, who
from runner.cli.secrets.key_place import ConfigPlace, FilePlace, OtherPlace, key_place
from runner.cli.secrets.opening import with_vault
from runner.client import connect
from runner.errors import RunnerError, UsageError, VaultKeyError
from runner.secrets.files import make_private
from runner.secrets.keys import new_master_key, parse
from runner.secrets.master_key import read_master_key
from runner.secrets.vault import Vault
from runner.settings import Settings


@click.command("rotate-master-key", short_help="Put the whole vault under another master key.")
@click.option(
    "--new-key-file",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Read the new key or passphrase from this file, instead of making one.",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Write the key that is made to this new file, 0600.",
)
@click.option("--write", is_flag=True, help="Exchange the key in config.toml or in master_key_file too.")
@config_option
def rotate_master_key(*, new_key_file: Path | None, key_file: Path | None, write: bool, config: Path | None) -> None:
    """
    Put the whole vault under another master key: every secret is sealed anew, the old bytes are erased.

    A running daemon goes on with the new key at once. Without --write the new key is shown here once, and where the
    old one has to be exchanged by hand is said; with it that is done.
    """
    if new_key_file and key_file:
        raise UsageError("--new-key-file and --key-file: expected one of them")
    loaded = load_settings(config)
    place = key_place(loaded)
    if write and isinstance(place, OtherPlace):
        raise UsageError(f"--write: the master key is {place.told()}, which cannot be written here")
    current = anyio.run(_current, loaded.settings)
    is_begun = with_vault(loaded.settings, _is_begun)
    if is_begun and (new_key_file or key_file):
        raise UsageError("a rotation to the present master key was begun: end it first, without a new key")
    new = current if is_begun else _new(new_key_file, key_file, current, is_shown=not write)
    _exchange(loaded.settings, place, new, None if is_begun else current, write=write)


async def _is_begun(vault: Vault) -> bool:
    return vault.opened_by_previous


async def _current(settings: Settings) -> str:
    dashboard = settings.dashboard
    text = await read_master_key(
        text=dashboard.master_key, file=dashboard.master_key_file, command=dashboard.master_key_command
    )
    if text is None:
        raise VaultKeyError("there is no vault, since no master key is set: make one with `runner init`")
    return str(text.reveal())


def _new(new_key_file: Path | None, key_file: Path | None, current: str, *, is_shown: bool) -> str:
    """The new key, which by then lies in a file or was shown: nothing is rotated to a key that nobody has."""
    if new_key_file is not None:
        found = anyio.run(lambda: read_master_key(text=None, file=new_key_file, command=None))
        text = found.reveal() if found else ""
        if parse(text) == parse(current):
            raise UsageError("--new-key-file: this is the present master key: expected another one")
        return str(text)
    text = new_master_key()
    if key_file is not None:
        if not make_private(key_file, f"{text}\n".encode()):
            raise UsageError(f"--key-file: {key_file} is there already: expected the name of a new file")
        click.echo(f"the new master key is in {key_file}")
    elif is_shown:
        click.echo(f"The new master key, shown this once:\n\n  {text}\n")
        sys.stdout.flush()
    return text


def _exchange(
    settings: Settings, place: ConfigPlace | FilePlace | OtherPlace, new: str, old: str | None, *, write: bool
) -> None:
    """`old` is None where a rotation goes on: the place holds both keys already."""
    try:
        if write and old is not None and not isinstance(place, OtherPlace):
            place.stage(new, old)
        is_erased = _rotated(settings, new)
        click.echo("the vault is under the new master key")
        if write and not isinstance(place, OtherPlace):
            place.settle(new)
            click.echo(f"changed: {place.told()}")
        elif old is not None:
            click.echo(f"now exchange it there, or the next start is refused: {place.told()}")
    except OSError as error:
        raise RunnerError(f"{error.filename}: cannot be written: {error.strerror}") from None
    if not is_erased:
        click.echo("runner: warning: the file was being read, old bytes are erased with the next change", err=True)
    path = settings.sqlite.path
    for copy in sorted(path.parent.glob(f"{path.name}.format-*")):
        click.echo(f"runner: warning: {copy} still opens with a key before: remove it", err=True)


def _rotated(settings: Settings, new: str) -> bool:
    by = who()
    with connect(settings.sqlite.path, os.environ) as daemon:
        if daemon is not None:
            body = {"key": new, "by": by}
            answers = [line for line in daemon.lines("POST", "/rotate", body=body) if line]
            answer: dict[str, Any] = msgspec.json.decode(answers[0])
            return bool(answer["erased"])

    async def work(vault: Vault) -> bool:
        return await vault.rotate(parse(new), by=by)

    return with_vault(settings, work)
