"""
Where a secret's value comes from: a prompt that shows nothing, a file, or standard input.

The commands that change secrets call `given`. One newline at the end of a file or of standard input is not part of it.
"""

import sys
from pathlib import Path
from typing import Final

import click

from runner.errors import UsageError

_MOST_BYTES: Final = 1_000_000
"""Read of a file or standard input at most; the vault itself takes less and says how much."""


def given(name: str, words: tuple[str, ...], value_file: Path | None) -> str | bytes:
    """
    The value of `name`; `words` are what stood after it on the command line, `-` or nothing. Raises UsageError.
    """
    if words not in {(), ("-",)}:
        raise UsageError("a value is never an argument: leave it out to be asked, or use --value-file F or -")
    if words and value_file:
        raise UsageError("--value-file and -: expected one of them")
    if words or str(value_file) == "-":
        return _without_newline(sys.stdin.buffer.read(_MOST_BYTES))
    if value_file is not None:
        try:
            with value_file.open("rb") as file:
                return _without_newline(file.read(_MOST_BYTES))
        except OSError as error:
            raise UsageError(f"--value-file: {value_file} cannot be read: {error.strerror}") from None
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask for the value: use --value-file F, or - for standard input")
    value: str = click.prompt(f"Value of {name}", hide_input=True, confirmation_prompt="Once more")
    return value


def _without_newline(data: bytes) -> bytes:
    return data.removesuffix(b"\n").removesuffix(b"\r")
