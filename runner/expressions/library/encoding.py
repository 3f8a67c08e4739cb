"""
Bytes and text made into each other: `b64encode`, `b64decode`, `hex`, `urlencode`.

Bytes are values of their own: a body sends them as they are, text refuses them. `urlencode` encodes the slash too,
unlike Jinja's, so that a value cannot step out of its place in a path. The registry in `runner.expressions.library`
is the only caller.
"""

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from runner.errors import EvaluationError
from runner.expressions.bounds import Evaluation
from runner.expressions.library.arguments import octets, utf8
from runner.expressions.library.function import Function, plain
from runner.expressions.values import Digest, spell

_LONGEST_QUOTED: Final = 3


def b64encode(evaluation: Evaluation, value: Any, urlsafe: Any = None) -> str:
    """
    Base64 of bytes, of text's UTF-8, or of a digest's bytes; with `urlsafe=true` with `-` and `_` and without `=`.
    """
    raw = value.raw if isinstance(value, Digest) else octets(value)
    evaluation.room(len(raw) * 4 // 3 + 4)
    if urlsafe:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return base64.b64encode(raw).decode()


def b64decode(evaluation: Evaluation, value: Any) -> bytes:
    """The bytes of base64 text in either alphabet, with or without `=`; for text go on by `| string`."""
    written = octets(value)
    evaluation.room(len(written))
    written = b"".join(written.split()).translate(_URLSAFE)
    try:
        return base64.b64decode(written + b"=" * (-len(written) % 4), validate=True)
    except binascii.Error:
        raise EvaluationError("needs base64, found other text") from None


def to_hex(evaluation: Evaluation, value: Any) -> str:
    """Bytes, or text's UTF-8, as lower-case hexadecimal digits; a digest is written that way already."""
    if isinstance(value, Digest):
        return str(value)
    raw = octets(value)
    evaluation.room(len(raw) * 2)
    return raw.hex()


def urlencode(evaluation: Evaluation, value: Any) -> str:
    """
    Text with everything but letters, digits and `-._~` percent-encoded, `/` too.

    A mapping, or a list of pairs, as a query string: a null leaves the key out, a list repeats it.
    """
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [_pair(item) for item in value]
    else:
        return _quoted(evaluation, value)
    flat = [(key, each) for key, given in pairs for each in (given if isinstance(given, list) else [given])]
    evaluation.step(len(flat))
    fields = [f"{_quoted(evaluation, key)}={_quoted(evaluation, each)}" for key, each in flat if each is not None]
    evaluation.room(sum(map(len, fields)) + len(fields))
    return "&".join(fields)


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, list) and len(item) == 2:  # noqa: PLR2004  a pair
        return item[0], item[1]
    raise EvaluationError("needs text, a mapping or a list of [key, value] pairs")


def _quoted(evaluation: Evaluation, value: Any) -> str:
    raw = value if isinstance(value, bytes) else utf8(spell(evaluation, value))
    evaluation.room(len(raw) * _LONGEST_QUOTED)
    return quote(raw, safe="")


_URLSAFE: Final = bytes.maketrans(b"-_", b"+/")

FILTERS: Final[Mapping[str, Function]] = MappingProxyType(
    {"b64encode": plain(b64encode), "b64decode": plain(b64decode), "hex": plain(to_hex), "urlencode": plain(urlencode)}
)
