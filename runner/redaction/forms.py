"""
The shapes in which one secret value may turn up in a text.

    value ──parts()──► itself, lines, JSON leaves, a URL's password ──forms()──► plain, JSON (twice), URL, base64

Pure functions over text; `runner.redaction.needles` compiles what they yield. What is too short or too common to be
looked for is decided here and nowhere else (secrets page, Redaction).
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

MIN_FORM: Final = 6
"""Bytes from which a form is looked for."""

MIN_PART: Final = 8
"""Characters from which a line or a JSON leaf of a value is looked for by itself."""

MIN_DIGITS: Final = 8
"""Characters from which a form of digits alone is looked for."""

_COMMON: Final = """
    string integer number boolean object default required version actions config enabled disabled
    delete options connect accept authorization bearer digest cookie charset chunked gzip deflate identity
    content-type content-length transfer-encoding keep-alive no-cache application/json text/plain text/html
    https:// http:// localhost 127.0.0.1 0.0.0.0
    select insert update postgres postgresql mariadb mysql sqlite public
    runner secret workflow succeeded failed running pending queued cancelled
"""
WORDS: Final = frozenset(_COMMON.encode().split())
"""Words of YAML, HTTP, SQL and of Runner itself: masking them would hide every log; compared in lower case."""

_FRAME: Final = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]+-----|[\s{}\[\],;()]*")
_URL_SAFE: Final = ("", "/", "!'()*~", "!$&'()*+,;=:@/~")
"""What encoders leave as it is: nothing, Python's `quote`, JavaScript's `encodeURIComponent`, path segments."""


def forms(value: str) -> frozenset[bytes]:
    """Every byte string that stands for `value` or a telling part of it; those too short or too common are left out."""
    return frozenset().union(*map(encodings, parts(value)))


def encodings(part: str) -> frozenset[bytes]:
    """Every byte string that one text as a whole may be written as; those too short or too common are left out."""
    return frozenset(form for form in _encoded(part) if is_telling(form))


def is_telling(form: bytes) -> bool:
    """True where a form is long and rare enough to be looked for."""
    if len(form) < MIN_FORM or (form.isdigit() and len(form) < MIN_DIGITS):
        return False
    return form.lower() not in WORDS


def parts(value: str) -> Iterator[str]:
    """The value, each line of a multi-line one, each text of a JSON one, the password of a URL."""
    yield value
    if "\n" in value:
        stripped = (line.strip() for line in value.splitlines())
        yield from (line for line in stripped if len(line) >= MIN_PART and not _FRAME.fullmatch(line))
    if value.lstrip()[:1] in {"{", "["}:
        yield from (leaf for leaf in _leaves(value) if len(leaf) >= MIN_PART)
    if "://" in value:
        yield from _passwords(value)


def _leaves(value: str) -> Iterator[str]:
    try:
        stack: list[Any] = [json.loads(value)]
    except (ValueError, RecursionError):
        return
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield from parts(item) if "\n" in item else (item,)
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _passwords(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)


def _encoded(part: str) -> Iterator[bytes]:
    data = part.encode("utf-8", "surrogatepass")
    yield data
    if not (part.isascii() and part.isalnum()):
        once = {*_escaped(part)}
        twice = {text for each in once for text in _escaped(each)}
        for text in (*once, *twice, *_url(part)):
            yield text.encode("utf-8", "surrogatepass")
    for offset in range(3):
        coded = _base64(data, offset)
        yield coded
        yield coded.translate(_TO_URL_ALPHABET)


def _escaped(part: str) -> Iterator[str]:
    """As JSON and Python write it between quotes."""
    yield repr(part)[1:-1]
    for ascii_only in (True, False):
        text = json.dumps(part, ensure_ascii=ascii_only)[1:-1]
        for spelled in (text, _UNICODE_ESCAPE.sub(lambda match: match[0][:2] + match[0][2:].upper(), text)):
            yield spelled
            yield spelled.replace("/", "\\/")


def _url(part: str) -> Iterator[str]:
    quoted = [quote(part, safe=safe, errors="surrogatepass") for safe in _URL_SAFE]
    quoted.append(quote_plus(part, errors="surrogatepass"))
    for text in quoted:
        yield text
        yield _PERCENT.sub(lambda match: match[0].lower(), text)


def _base64(data: bytes, offset: int) -> bytes:
    """The characters that `data` alone decides when it stands `offset` bytes after a group's start."""
    text = base64.b64encode(bytes(offset) + data)
    return text[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]


_UNICODE_ESCAPE: Final = re.compile(r"\\u[0-9a-f]{4}")
_PERCENT: Final = re.compile(r"%[0-9A-F]{2}")
_TO_URL_ALPHABET: Final = bytes.maketrans(b"+/", b"-_")
