"""
Where in the file a character of a scalar's value stands.

A value differs from its text: quotes, escapes, indentation, folded lines. Whatever the style, the characters that are
no white space come in the same order in both, so the text is followed with the value in hand.
`runner.definitions.findings` asks when an expression's error has an offset.
"""

from typing import Final

from runner.definitions.nodes import Node
from runner.definitions.source import locate

_ESCAPES: Final = {"x": 4, "u": 6, "U": 10}
_SPACE: Final = " \t\r\n"


def place_in(text: str, node: Node, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of the character at `offset` of a scalar; the node's own place for anything else."""
    if not isinstance(node.value, str) or not 0 < offset < len(node.value):
        return locate(text, _content(text, node)) if node.style in ("|", ">") and offset >= 0 else _opened(node)
    return locate(text, _follow(text, node, offset))


def _opened(node: Node) -> tuple[int, int]:
    """The first character of the value: after the quote that opens it."""
    return node.line, node.column + (1 if node.style in ("'", '"') else 0)


def _content(text: str, node: Node) -> int:
    """Where the first line of a block scalar begins: after the header's line and the indentation."""
    position = text.find("\n", node.start) + 1
    return _skip(text, position, node.end) if 0 < position < node.end else node.start


def _skip(text: str, position: int, end: int) -> int:
    while position < end and text[position] in _SPACE:
        position += 1
    return position


def _follow(text: str, node: Node, offset: int) -> int:
    """The index in `text` of the value's character at `offset`."""
    quote = node.style if node.style in ("'", '"') else ""
    position = node.start + 1 if quote else node.start
    if node.style in ("|", ">"):
        position = text.find("\n", node.start) + 1
    for character in node.value[:offset]:
        position = _advance(text, position, node.end, character, quote)
    if node.value[offset] not in _SPACE:
        position = _to_text(text, position, node.end, quote)
    return min(position, node.end - 1)


def _to_text(text: str, position: int, end: int, quote: str) -> int:
    """Past white space and, between double quotes, past escaped line breaks."""
    return _past_breaks(text, _skip(text, position, end), end, quote)


def _past_breaks(text: str, position: int, end: int, quote: str) -> int:
    """Past escaped line breaks and the indentation that follows them."""
    while quote == '"' and text.startswith(("\\\n", "\\\r\n"), position):
        position = _skip(text, position + 1, end)
    return position


def _advance(text: str, position: int, end: int, character: str, quote: str) -> int:
    """Past what the value's `character` was written as."""
    if character in _SPACE:
        position = _past_breaks(text, position, end, quote)
        if position < end and text[position] in _SPACE:
            return position + 1
        if quote != '"' or not text.startswith("\\", position):
            return position
    else:
        position = _to_text(text, position, end, quote)
    if quote == '"' and text.startswith("\\", position):
        return position + _ESCAPES.get(text[position + 1 : position + 2], 2)
    return position + (2 if quote == "'" and text.startswith("''", position) else 1)
