"""
`runner secrets import`: the variables of an .env file as secrets of the vault.

    file ──python-dotenv──► names and values ──all of them checked──► new, changed or same ──► set, one by one, audited

`$` in a value means nothing: what is written is what is stored. If one line or one value cannot be, nothing is set. No
value is printed; the file itself is left as it is.
"""

import io
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click
from dotenv.parser import parse_stream

from runner.cli.options import config_option, json_option, load_settings, who
from runner.cli.output import json_lines
from runner.cli.secrets.opening import with_vault
from runner.errors import SecretError, UsageError
from runner.secrets.names import check_name, check_value
from runner.secrets.vault import Vault

_MOST_BYTES: Final = 10_000_000
_TOLD: Final = 20
"""Problems that one error lists."""


@click.command("import", short_help="Set the secrets of an .env file.")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Say what would be set, and set nothing.")
@click.option("--prefix", default="", metavar="P", help="Put P before each name.")
@click.option("--only", multiple=True, metavar="NAME", help="Take this variable of the file; may be repeated.")
@click.option("--replace", is_flag=True, help="Set those too that are there with another value.")
@click.option("--short-ok", is_flag=True, help="Accept values of under 8 characters, which masking may miss.")
@config_option
@json_option
def import_command(
    *,
    file: Path,
    dry_run: bool,
    prefix: str,
    only: tuple[str, ...],
    replace: bool,
    short_ok: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """
    Set the secrets that the .env file FILE holds (- is standard input); values are never shown.

    A secret that is there with another value is kept, unless --replace is given. Delete the file afterwards.
    """
    values = _chosen(_read(file), only, prefix)
    _check(values, short_ok=short_ok)

    async def work(vault: Vault) -> dict[str, str]:
        await vault.refresh()
        states = {name: _state(vault.content.current.get(name), value) for name, value in values.items()}
        for name, state in states.items():
            if not dry_run and (state == "new" or (state == "changed" and replace)):
                await vault.set(name, values[name], by=who(), short_ok=short_ok)
        return states

    states = with_vault(load_settings(config).settings, work)
    documents = [
        {"name": name, "state": state, "set": not dry_run and (state == "new" or (state == "changed" and replace))}
        for name, state in states.items()
    ]
    if as_json:
        json_lines(documents)
    else:
        for document in documents:
            click.echo(_line(str(document["name"]), str(document["state"]), dry_run=dry_run, replace=replace))


def _state(there: str | None, value: str) -> str:
    return "new" if there is None else "same" if there == value else "changed"


def _line(name: str, state: str, *, dry_run: bool, replace: bool) -> str:
    would = "would be " if dry_run else "is "
    match state:
        case "new":
            return f"{name} {would}set"
        case "changed" if replace:
            return f"{name} {would}replaced"
        case "changed":
            return f"{name} is kept: it is there with another value (--replace)"
    return f"{name} is there already"


def _read(file: Path) -> Mapping[str, str]:
    """The variables of a file, the last of a name. Raises UsageError, which names lines and no text of theirs."""
    if str(file) == "-":
        data = sys.stdin.buffer.read(_MOST_BYTES + 1)
    else:
        try:
            with file.open("rb") as opened:
                mode = os.fstat(opened.fileno()).st_mode
                data = opened.read(_MOST_BYTES + 1)
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from None
        if stat.S_ISREG(mode) and mode & 0o077:
            click.echo(f"runner: warning: {file} can be read by other users: chmod 600 {file}", err=True)
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{file}: expected at most {_MOST_BYTES:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: expected UTF-8, found another byte at offset {error.start}") from None
    found: dict[str, str] = {}
    wrong: list[str] = []
    for binding in parse_stream(io.StringIO(text)):
        if binding.key is not None and binding.value is not None and not binding.error:
            found[binding.key] = binding.value
        elif binding.error or binding.key is not None:
            wrong.append(f"line {binding.original.line}")
    if wrong:
        more = f" and {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
        raise UsageError(f"{file}, {', '.join(wrong[:_TOLD])}{more}: expected NAME=value; nothing was set")
    return found


def _chosen(found: Mapping[str, str], only: tuple[str, ...], prefix: str) -> dict[str, str]:
    missing = [name for name in only if name not in found]
    if missing:
        raise UsageError(f"--only: the file has no {', '.join(missing)}")
    return {prefix + name: value for name, value in found.items() if not only or name in only}


def _check(values: Mapping[str, str], *, short_ok: bool) -> None:
    """Raises SecretError with every name or value that cannot be."""
    wrong = []
    for name, value in values.items():
        try:
            check_name(name)
            check_value(name, value, short_ok=short_ok)
        except SecretError as error:
            told = str(error)
            wrong.append(told if told.startswith(name) else f"{name[:100]!r}: {told}")
    if wrong:
        more = f"\nand {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
        raise SecretError("nothing was set:\n" + "\n".join(wrong[:_TOLD]) + more)
