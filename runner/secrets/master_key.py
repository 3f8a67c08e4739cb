"""
Read the master key from where the settings say it is: the text itself, a file, or what a command prints.

The daemon and the command line call it once at the start. The settings have chosen one of the three already. The key is
in no error: not the file's content, not what the command wrote.
"""

import shlex
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Final

import anyio
import anyio.to_thread

from runner.errors import VaultKeyError
from runner.secret import Secret
from runner.secrets.files import read_regular

_MOST: Final = 65_536
_PATIENCE: Final = 30.0
"""Seconds that a command may take: somebody may have to touch a token."""


async def read_master_key(*, text: Secret | None, file: Path | None, command: str | None) -> Secret | None:
    """The key as text for `runner.secrets.keys.parse`, None where none is set. Raises VaultKeyError in one sentence."""
    if text is not None:
        return text
    if file is not None:
        return await anyio.to_thread.run_sync(_of_file, file)
    return await _of_command(command) if command else None


async def read_previous_key(*, text: Secret | None, file: Path | None, beside: Path | None) -> Secret | None:
    """
    The master key before, None where none is given. `beside` is the file of the present one: where none is named the
    file beside it counts that `previous_file` names. Raises VaultKeyError.
    """
    if text is None and file is None and beside is not None:
        there = previous_file(beside)
        file = there if await anyio.Path(there).exists() else None
    return await read_master_key(text=text, file=file, command=None)


def previous_file(path: Path) -> Path:
    """Where the key before lies while the one in `path` is exchanged."""
    return path.with_name(f"{path.name}.previous")


def _of_file(path: Path) -> Secret:
    try:
        return _decoded(read_regular(path, _MOST), f"The master key file {path}")
    except OSError as error:
        raise VaultKeyError(f"The master key file {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise VaultKeyError(f"The master key file {path}: {error}.") from None


async def _of_command(command: str) -> Secret:
    try:
        words = shlex.split(command)
    except ValueError:
        raise VaultKeyError("dashboard.master_key_command: a quote is not closed.") from None
    if not words:
        raise VaultKeyError("dashboard.master_key_command: expected a command, found empty text.")
    name = words[0]
    try:
        with anyio.fail_after(_PATIENCE):
            done = await anyio.run_process(words, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, check=False)
    except TimeoutError:
        raise VaultKeyError(f"The master key command {name} took over {_PATIENCE:g} s.") from None
    except OSError as error:
        raise VaultKeyError(f"The master key command {name} cannot be run: {error.strerror}.") from None
    if done.returncode:
        raise VaultKeyError(f"The master key command {name} ended with status {done.returncode}.")
    return _decoded(done.stdout[: _MOST + 1], f"The master key command {name}")


def _decoded(data: bytes, whose: str) -> Secret:
    try:
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise VaultKeyError(f"{whose} gave bytes that are not UTF-8.") from None
    if not text:
        raise VaultKeyError(f"{whose} gave nothing.")
    return Secret(frozenset({"dashboard.master_key"}), text)
