"""
A request's body as a JSON value, by its media type.

    application/json, …+json        the value, strictly; bad JSON is refused before there is a run
    application/x-www-form-…        {name: text}, a repeated name a list
    multipart/form-data             the same; a file is {filename, content_type, content: base64}
    text/…, XML, YAML               text
    no type                         text where it is UTF-8, else base64
    anything else                   base64
    nothing                         null

`$trigger.raw` is the body as it came: text where it is UTF-8, else base64. What cannot be read is refused:
400 for what is malformed, 415 for an encoding or a charset that is not taken. Pure but for the multipart parser.
"""

import codecs
from base64 import b64encode
from collections.abc import AsyncIterator
from email.message import Message
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from runner.executors.http import media
from runner.triggers.answers import RefusedRequestError, problem

MOST_FIELDS: Final = 1000
_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"


class _InMemory(MultiPartParser):
    """No file of a request is written to a disk: the whole body has its bound."""

    spool_max_size = 1 << 40


async def parsed(body: bytes, headers: dict[str, str]) -> Any:
    """The value of a body. Raises RefusedRequestError."""
    kind = headers.get("content-type", "")
    check_encoding(headers)
    if not body:
        return None
    name = kind.partition(";")[0].strip().lower()
    if name == _FORM:
        return _form(body, charset(kind))
    if name == _MULTIPART:
        return await _multipart(body, kind)
    try:
        if name == "application/json" or name.endswith("+json"):
            return media.parse_json(body, charset(kind))
        if name.startswith("text/"):
            return body.decode(charset(kind))
        return media.value(body, kind)
    except media.MalformedError as error:
        raise RefusedRequestError(problem(400, f"the body {error}")) from None
    except UnicodeError:
        raise RefusedRequestError(problem(400, "the body is no text in the charset that it names")) from None


def raw_text(body: bytes) -> str:
    """The body as it came."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return b64encode(body).decode()


def check_encoding(headers: dict[str, str]) -> None:
    """Whether the body comes as it is and in a charset that is known. Raises RefusedRequestError (415)."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        detail = "a body is taken as it is: send it without Content-Encoding"
        raise RefusedRequestError(problem(415, detail, headers=(("accept-encoding", "identity"),)))
    charset(headers.get("content-type", ""))


def charset(content_type: str) -> str:
    """The codec that a Content-Type names, or UTF-8. Raises RefusedRequestError (415) for one that is not known."""
    if "charset" not in content_type.lower():
        return "utf-8"
    message = Message()
    message["content-type"] = content_type
    named = message.get_content_charset("utf-8")
    try:
        codec = codecs.lookup(named)
        is_text = isinstance("".encode(codec.name), bytes) and isinstance(b"".decode(codec.name), str)
    except (LookupError, ValueError, TypeError, UnicodeError):
        is_text = False
    if not is_text or codec.name in ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7"):
        raise RefusedRequestError(problem(415, "the body's charset is not known: send it as UTF-8"))
    return codec.name


def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
    """Names with their values; one that comes twice has a list."""
    values: dict[str, Any] = {}
    repeated: set[str] = set()
    for name, value in found:
        if name not in values:
            values[name] = value
        elif name in repeated:
            values[name].append(value)
        else:
            values[name] = [values[name], value]
            repeated.add(name)
    return values


def query(raw: bytes) -> dict[str, Any]:
    """The query of an address. Raises RefusedRequestError."""
    return _form(raw, "utf-8", "query") if raw else {}


def _form(body: bytes, codec: str, what: str = "body") -> dict[str, Any]:
    try:
        text = body.decode(codec)
        found = parse_qsl(text, keep_blank_values=True, encoding=codec, errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeError:
        raise RefusedRequestError(problem(400, f"the {what} is a form with bytes that are no text")) from None
    except ValueError:
        raise RefusedRequestError(problem(400, f"the {what} has more than {MOST_FIELDS} fields")) from None
    return pairs(list(found))


async def _multipart(body: bytes, kind: str) -> dict[str, Any]:
    async def stream() -> AsyncIterator[bytes]:
        yield body

    size = len(body)
    headers = Headers({"content-type": kind})
    try:
        parser = _InMemory(headers, stream(), max_files=MOST_FIELDS, max_fields=MOST_FIELDS, max_part_size=size)  # type: ignore[arg-type]  # any async iterator does
        form = await parser.parse()
        values = pairs([(name, await _part(value)) for name, value in form.multi_items()])
        await form.close()
    except (MultiPartException, KeyError, ValueError, LookupError):
        raise RefusedRequestError(problem(400, "the body is not the form that its Content-Type names")) from None
    return values


async def _part(value: UploadFile | str) -> Any:
    if isinstance(value, str):
        return value
    content = await value.read()
    return {"filename": value.filename, "content_type": value.content_type, "content": b64encode(content).decode()}
