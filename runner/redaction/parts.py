"""
What of one secret value is secret by itself.

    value ──parts()──► itself, its lines, the leaves of a JSON one, user and password of a URL, `password=` of a DSN

Pure functions over text; `runner.redaction.forms` encodes each part. Frames of PEM files, braces and what is too short
to tell are left out here.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote, urlsplit

MIN_PART: Final = 8
"""Characters from which a line, a leaf or a URL's user is looked for by itself."""

_FRAME: Final = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]+-----|[\s{}\[\],;()]*")
_PAIR: Final = re.compile(
    r"(?:password|passwd|pwd|pass|secret|token|key|signature|sig)\s*=\s*(?:'([^']+)'|([^\s;&'#]+))", re.IGNORECASE
)
_DEEP: Final = 3
"""Levels of documents within documents that are looked into."""


def parts(value: str, deep: int = _DEEP) -> Iterator[str]:
    """The value and every telling part of it, some of them more than once."""
    yield value
    if value != (bare := value.strip()):
        yield bare
    if "\n" in value:
        stripped = (line.strip() for line in value.splitlines())
        yield from (line for line in stripped if len(line) >= MIN_PART and not _FRAME.fullmatch(line))
    if deep and bare[:1] in {"{", "[", '"'}:
        for leaf in _leaves(value):
            yield from parts(leaf, deep - 1)
    if "://" in value:
        yield from _userinfo(value)
    if "=" in value:
        for match in _PAIR.finditer(value):
            yield from _as_written(match[1] or match[2])


def _leaves(value: str) -> Iterator[str]:
    """Texts from 8 characters, numbers by their digits."""
    try:
        stack: list[Any] = [json.loads(value, parse_int=str)]
    except (ValueError, RecursionError):
        return
    while stack:
        item = stack.pop()
        if isinstance(item, str) and len(item) >= MIN_PART:
            yield item
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _userinfo(url: str) -> Iterator[str]:
    """`user` (from 8 characters), `password`."""
    try:
        parsed = urlsplit(url)
    except ValueError:
        return
    if parsed.username and len(parsed.username) >= MIN_PART:
        yield from _as_written(parsed.username)
    if parsed.password:
        yield from _as_written(parsed.password)


def _as_written(text: str) -> Iterator[str]:
    yield text
    if "%" in text:
        yield unquote(text)
