"""
From the bytes of a workflow file to its text, or the one reason why they are no text.

    bytes --read_text()--> text --locate()--> line and column of a character

`runner.definitions.yaml` reads the text; nothing else looks at bytes. What is refused here is what would make lines and
columns lie or what no editor shows: other encodings, control characters, line breaks that are none in YAML 1.2.
"""

import re
from typing import Final

from runner.errors import DefinitionError, Problem

MAX_FILE_SIZE: Final = 1_000_000
"""Bytes of one workflow file (design, Sizes)."""

_BOM: Final = "\ufeff"
_UNSEEN: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]|\r(?!\n)"
)
_NAMES: Final = {
    "\0": "a NUL character",
    "\r": "a carriage return without a line feed",
    "\u2028": "a line separator (U+2028)",
    "\u2029": "a paragraph separator (U+2029)",
    _BOM: "a byte order mark in the middle of the text",
}


def read_text(data: bytes, file: str) -> str:
    """The text of a file, without a byte order mark at its start. Raises DefinitionError with exactly one problem."""
    if len(data) > MAX_FILE_SIZE:
        raise refusal(
            file, f"the file is {len(data):,} bytes long: expected at most {MAX_FILE_SIZE:,}; split the workflow"
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or data[:4].count(0) > 1:
        raise refusal(file, "the file is UTF-16 or UTF-32: save it as UTF-8")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8"
        raise refusal(file, message, *locate(before, len(before))) from None
    text = text.removeprefix(_BOM)
    if found := _UNSEEN.search(text):
        character = found[0]
        name = _NAMES.get(character, f"the character U+{ord(character):04X}, which cannot be seen,")
        raise refusal(
            file, f'{name} stands here: remove it, or write it escaped inside "…"', *locate(text, found.start())
        )
    return text


def locate(text: str, index: int) -> tuple[int, int]:
    """Line and column, counted from 1, of the character at `index`."""
    start = text.rfind("\n", 0, index) + 1
    return text.count("\n", 0, start) + 1, index - start + 1


def refusal(file: str, message: str, line: int = 1, column: int = 1, path: str = "") -> DefinitionError:
    """The error of a file that has one problem and cannot be read further."""
    return DefinitionError((Problem(message=message, file=file, line=line, column=column, path=path),))
