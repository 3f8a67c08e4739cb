"""
How a secret begins and ends, for texts that were cut in the middle of one: `'hunter2-hunte...`.

    value ──cuts()──► the first bytes of each part, and the last ones: a third, at least 8, 24 are enough

Libraries truncate what they show (asyncpg at 40 characters). A beginning counts only where the secret goes on up to a
mark, an ending only where it comes from one; `runner.redaction.needles` sees to that.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from runner.redaction.forms import is_telling
from runner.redaction.parts import parts

MARK: Final = re.compile(rb"\.\.\.|\xe2\x80\xa6|\0")
"""Where something was left out; NUL stands between texts that are searched as one."""

_LEAST: Final = 8
_ENOUGH: Final = 24
_ORIGIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*/?")
_FRAME: Final = re.compile(r"-----BEGIN [A-Z0-9 ]+-----\s*")
_BEYOND: Final = 4
"""Bytes that have to follow an address's host or a key's frame, which tell nothing by themselves."""


class Cut(NamedTuple):
    """`data` is the first part of `head` or the last of `tail`; the other one is empty."""

    data: bytes
    head: bytes = b""
    tail: bytes = b""


def cuts(value: str) -> Iterator[Cut]:
    """The beginning and the ending of each telling part."""
    for part in set(parts(value)):
        data = part.encode("utf-8", "surrogatepass")
        size = min(max(_LEAST, -(-len(data) // 3)), _ENOUGH)
        shown = _ORIGIN.match(part) or _FRAME.match(part)
        least = max(size, len(shown[0].encode("utf-8", "surrogatepass")) + _BEYOND if shown else 0)
        if least < len(data) and is_telling(data[:least]):
            yield Cut(data[:least], head=data)
        if size < len(data) and is_telling(data[-size:]):
            yield Cut(data[-size:], tail=data)
