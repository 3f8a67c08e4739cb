"""
Header fields: what an action may set.

    {"X-Tag": ["a", "b"], "X-None": null}  ──fields()──►  [("X-Tag", "a"), ("X-Tag", "b")]

A name is a token of RFC 9110; a value is any text without control characters (a tab may stand), sent as UTF-8.
Fields that frame the message or belong to the connection are the transport's and refused.
`runner.executors.http.outgoing` calls `fields`.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from runner.executors.http.scalars import FieldError, values

MAX_SIZE: Final = 65_536
"""Bytes of all fields together, in a request and in an answer (design §6)."""

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_BAD_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TRANSPORTS_OWN: Final = frozenset(
    {
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "upgrade",
        "te",
        "trailer",
        "expect",
        "proxy-authorization",
    }
)
Fields = list[tuple[str, str]]


def fields(headers: Mapping[str, Any]) -> Fields:
    """The header fields of a rendered and revealed mapping. Raises FieldError, which names the field."""
    found = list(_fields(headers))
    if sum(len(name) + len(value) + 4 for name, value in found) > MAX_SIZE // 4 and _size(found) > MAX_SIZE:
        raise FieldError(f"headers: more than {MAX_SIZE:,} bytes in all")
    return found


@lru_cache(maxsize=1024)
def problem_of_name(name: str) -> str | None:
    """Why this may not be the name of a header that an action sets, or None."""
    if not _NAME.fullmatch(name):
        return "is no header name: expected letters, digits and hyphens"
    if name.lower() in _TRANSPORTS_OWN:
        return "is set by Runner and cannot be given"
    return None


def _size(found: Fields) -> int:
    return sum(len(name) + len(value.encode()) + 4 for name, value in found)


def _fields(headers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        if problem := problem_of_name(name):
            raise FieldError(f"headers: one of the names {problem}")
        for text in values(value, f"headers.{name}"):
            if _BAD_VALUE.search(text):
                raise FieldError(f"headers.{name} holds a line break or another control character")
            yield name, text.strip(" \t")
