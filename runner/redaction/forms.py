"""
The shapes in which one secret value may turn up in a text.

    value ──parts()──► part ──forms()──► plain, JSON, URL, base64, hex, HTML, shell, SQL, … ──► Form(data, folded)

Pure functions over text; `runner.redaction.needles` compiles what they yield. A text that was encoded in another way,
or more than once, is found by decoding it (`runner.redaction.decode`); so this list need not be complete, it is what
needs no second look. What is too short or too common to be looked for is decided here and nowhere else.
"""

import base64
import html
import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote, quote_plus

from runner.redaction.parts import parts

MIN_FORM: Final = 6
"""Bytes from which a form is looked for."""

MIN_FOLDED: Final = 12
"""Bytes from which the case of letters does not count."""

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

_URL_SAFE: Final = ("", "/", "!'()*~", "!$&'()*+,;=:@/~")
"""What encoders leave as it is: nothing, Python's `quote`, JavaScript's `encodeURIComponent`, path segments."""


class Form(NamedTuple):
    """One byte string to look for; a `folded` one in upper and lower case alike."""

    data: bytes
    folded: bool = False


def forms(value: str) -> frozenset[Form]:
    """Every form of `value` and of its telling parts."""
    return frozenset().union(*map(encodings, set(parts(value))))


def plain(value: str) -> frozenset[Form]:
    """`value` and its telling parts as they are, of which `forms` makes the most part of its own."""
    texts = (_text(_bytes(part)) for part in set(parts(value)))
    return frozenset(form for form in texts if is_telling(form.data))


def encodings(part: str) -> frozenset[Form]:
    """Every form of one text as a whole; those too short or too common are left out."""
    return frozenset(form for form in _encoded(part) if is_telling(form.data))


def is_telling(form: bytes) -> bool:
    """True where a form is long and rare enough to be looked for."""
    if len(form) < MIN_FORM or (form.isdigit() and len(form) < MIN_DIGITS):
        return False
    return form.lower() not in WORDS


def _encoded(part: str) -> Iterator[Form]:
    data = _bytes(part)
    yield _text(data)
    if not (part.isascii() and part.isalnum()):
        for text in {*_escaped(part), *_url(part), *_quoted(part)}:
            yield _text(_bytes(text))
        yield _text(repr(data)[2:-1].encode())
    if not part.isascii():
        yield from (_text(_bytes(text)) for text in (part.upper(), part.lower()))
    yield Form(data.hex().encode(), folded=True)
    wide = part.encode("utf-16-le", "surrogatepass")
    for offset in range(3):
        for coded in (_base64(data, offset), _base64(wide, offset)):
            yield Form(coded)
            yield Form(coded.translate(_TO_URL_ALPHABET))
    for offset in range(5):
        yield Form(_base32(data, offset), folded=True)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> Form:
    return Form(data, folded=len(data) >= MIN_FOLDED)


def _escaped(part: str) -> Iterator[str]:
    """As JSON (Go's too), JSON within JSON and Python write it between quotes."""
    once = {repr(part)[1:-1]}
    for ascii_only in (True, False):
        text = json.dumps(part, ensure_ascii=ascii_only)[1:-1]
        once |= {text, text.replace("/", "\\/"), text.translate(_GO), _UNICODE_ESCAPE.sub(_upper_case, text)}
    yield from once
    for text in once:
        yield json.dumps(text, ensure_ascii=False)[1:-1]


def _url(part: str) -> Iterator[str]:
    for safe in _URL_SAFE:
        yield quote(part, safe=safe, errors="surrogatepass")
    yield quote_plus(part, errors="surrogatepass")
    yield _PERCENT.sub(lambda match: match[0].lower(), quote(part, safe="", errors="surrogatepass"))


def _quoted(part: str) -> Iterator[str]:
    """HTML and XML; a shell's and SQL's text between quotes."""
    yield html.escape(part, quote=False)
    yield html.escape(part)
    yield html.escape(part).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    yield part.replace("'", "'\"'\"'")
    yield part.replace("'", "'\\''")
    yield part.replace("'", "''")
    yield part.replace('"', '""')


def _base64(data: bytes, offset: int) -> bytes:
    """The characters that `data` alone decides when it stands `offset` bytes after a group's start."""
    text = base64.b64encode(bytes(offset) + data)
    return text[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]


def _base32(data: bytes, offset: int) -> bytes:
    text = base64.b32encode(bytes(offset) + data)
    return text[(offset * 8 + 4) // 5 : (offset + len(data)) * 8 // 5]


def _upper_case(match: re.Match[str]) -> str:
    return match[0][:2] + match[0][2:].upper()


_GO: Final = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}
_UNICODE_ESCAPE: Final = re.compile(r"\\u[0-9a-f]{4}")
_PERCENT: Final = re.compile(r"%[0-9A-F]{2}")
_TO_URL_ALPHABET: Final = bytes.maketrans(b"+/", b"-_")
