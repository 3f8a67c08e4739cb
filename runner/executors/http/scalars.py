"""
JSON values as the texts of a query, a header or a form.

    null → left out    [1, null, "a"] → "1", "a"    true → "true"    1.5 → "1.5"

A mapping, or a list in a list, has no place there and is an error with the cure. `query`, `headers`, `form` and
`multipart` share this one rule.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec


class FieldError(ValueError):
    """A field of the config cannot be sent; the message names it and never its value."""


def values(value: Any, place: str) -> Iterator[str]:
    """The texts of one key. Raises FieldError."""
    if value is None:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            if item is not None:
                yield scalar(item, f"{place}[{index}]")
        return
    yield scalar(value, place)


def scalar(value: Any, place: str) -> str:
    """One text: strings bare, the rest in JSON's spelling. Raises FieldError."""
    if isinstance(value, str):
        _encodable(value, place)
        return value
    if isinstance(value, bool | int | float):
        return msgspec.json.encode(value).decode()
    raise FieldError(
        f"{place}: expected text, a number, true, false or null, found {_name(value)}; write it as text with | tojson"
    )


def pairs(mapping: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """Each key with each of its texts. Raises FieldError."""
    for name, value in mapping.items():
        _encodable(name, place)
        for text in values(value, f"{place}.{name}"):
            yield name, text


def _encodable(text: str, place: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise FieldError(f"{place}: holds half of a surrogate pair, which no text can carry") from None


def _name(value: Any) -> str:
    named = {"dict": "a mapping", "list": "a list"}
    return named.get(type(value).__name__, type(value).__name__)
