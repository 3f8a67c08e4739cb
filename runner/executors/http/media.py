"""
A body's bytes as a JSON value, by its media type.

    application/json, …+json    the JSON value, strictly: bad JSON is an error
    text/…, XML, YAML, forms    text; bytes that are none in its charset become U+FFFD, as in a browser
    no type at all              text where it is UTF-8, else base64
    anything else               base64
    nothing (204, HEAD)         null

Integers keep all their digits (up to 4,300 of them); NaN, numbers beyond a double, half surrogate pairs and more
than 100 levels are refused. `runner.executors.http.exchange` calls `value`. A message tells what is wrong, never
what was sent.
"""

import codecs
import re
from base64 import b64encode
from functools import lru_cache
from itertools import chain
from typing import Any, Final

import msgspec

MAX_DEPTH: Final = 100

_TYPE: Final = re.compile(r"\s*([A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+)\s*(?:;(.*))?", re.DOTALL)
_CHARSET: Final = re.compile(r"(?:^|;)\s*charset\s*=\s*\"?([A-Za-z0-9!#$&^_.:+-]+)", re.IGNORECASE)
_CODECS: Final = re.compile(
    r"utf-8(-sig)?|utf-(16|32)(-[bl]e)?|ascii|iso8859-\d+|cp\d+|koi8-\w|shift_jis\w*|euc_\w+|gb\w+|big5\w*|iso2022_\w+|mac-\w+|tis-620"
)
_TEXT: Final = re.compile(
    r"text/.+|.+\+xml|.+\+yaml|application/(xml|xhtml|javascript|ecmascript|x-javascript|x-www-form-urlencoded|x-ndjson|ndjson|"
    r"jsonl|x-jsonlines|json-seq|yaml|x-yaml|toml|sql|graphql|xml-dtd|pgp-signature|x-pem-file|x-sh)"
)
_BOM: Final = b"\xef\xbb\xbf"


class MalformedError(Exception):
    """The body is not what its media type says; the message says in what way."""


def value(body: bytes, content_type: str | None) -> Any:
    """The JSON value of a body. Raises MalformedError."""
    if not body:
        return None
    media, charset = _read(content_type or "")
    if not media:
        return _untyped(body)
    if media == "application/json" or media.endswith("+json"):
        return parse_json(body, charset)
    if _TEXT.fullmatch(media):
        return (
            body.removeprefix(_BOM).decode(charset, "replace")
            if charset == "utf-8"
            else body.decode(charset, "replace")
        )
    return b64encode(body).decode()


def parse_json(body: bytes, charset: str = "utf-8") -> Any:
    """Strict JSON. Raises MalformedError."""
    try:
        data = body.removeprefix(_BOM) if charset == "utf-8" else body.decode(charset).encode()
        found = msgspec.json.decode(data)
    except UnicodeError:
        raise MalformedError("is JSON with bytes that are no text in its charset") from None
    except RecursionError:
        raise MalformedError(f"is JSON of more than {MAX_DEPTH} levels") from None
    except msgspec.ValidationError:
        raise MalformedError("is JSON with a number that is too large") from None
    except msgspec.DecodeError:
        raise MalformedError("is not valid JSON, though its Content-Type says so") from None
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _too_deep(found):
        raise MalformedError(f"is JSON of more than {MAX_DEPTH} levels")
    return found


def lenient(body: bytes, content_type: str | None) -> Any:
    """The same for an error's facts: what is malformed becomes text."""
    try:
        return value(body, content_type)
    except MalformedError:
        return body.decode("utf-8", "replace")


@lru_cache(maxsize=256)
def _read(content_type: str) -> tuple[str, str]:
    """Media type and codec; the type is empty where there is none that can be read."""
    match = _TYPE.fullmatch(content_type)
    return ("", "utf-8") if match is None else (match[1].lower(), _charset(match[2] or ""))


def _untyped(body: bytes) -> str:
    try:
        text = body.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        text = "\x00"
    return b64encode(body).decode() if "\x00" in text else text


def _charset(parameters: str) -> str:
    """A codec for text that the parameters name; UTF-8 where they name none that is known."""
    match = _CHARSET.search(parameters)
    if match is None:
        return "utf-8"
    try:
        name = codecs.lookup(match[1]).name
    except (LookupError, ValueError):
        return "utf-8"
    return name if _CODECS.fullmatch(name) else "utf-8"


def _too_deep(found: Any) -> bool:
    level = [found] if isinstance(found, dict | list) else []
    for _ in range(MAX_DEPTH):
        inner = chain.from_iterable(item.values() if type(item) is dict else item for item in level)
        level = [item for item in inner if type(item) is dict or type(item) is list]
        if not level:
            return False
    return True
