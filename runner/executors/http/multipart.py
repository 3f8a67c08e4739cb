"""
A form with files (RFC 7578) as bytes.

    {note: text, tags: [a, b], doc: {file: /data/a.pdf}, log: {content: bytes, filename: a.log, content_type:
    text/plain}}

The boundary is a hash of the parts: the same bytes on every attempt, and no part can hold it. Names and file names
are escaped as browsers do. `runner.executors.http.body` calls this in a worker thread: files are read here.
"""

import hashlib
import mimetypes
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, Final

import msgspec

from runner.executors.http.files import read_file
from runner.executors.http.scalars import FieldError, scalar
from runner.ports import ExecutorLimits

MAX_SIZE: Final = 100_000_000
"""Bytes of all parts together; they are held in memory."""

_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(;[\x20-\x7e]*)?")
_KEYS: Final = frozenset({"file", "content", "filename", "content_type"})


def encode(form: Mapping[str, Any], limits: ExecutorLimits) -> tuple[bytes, str]:
    """The body and its media type with the boundary. Raises FieldError."""
    parts = [_part(name, value, place, limits) for name, value, place in _flat(form)]
    if sum(len(head) + len(data) for head, data in parts) > MAX_SIZE:
        raise FieldError(f"multipart: more than {MAX_SIZE:,} bytes in all")
    digest = hashlib.sha256()
    for head, data in parts:
        digest.update(head)
        digest.update(data)
    boundary = digest.hexdigest()[:40].encode()
    pieces = [b"--%b\r\n%b\r\n%b\r\n" % (boundary, head, data) for head, data in parts]
    return b"".join(pieces) + b"--%b--\r\n" % boundary, f"multipart/form-data; boundary={boundary.decode()}"


def _flat(form: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """Each part's name, value and place: a list repeats its name, null leaves it out."""
    for name, value in form.items():
        for index, item in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if item is not None:
                yield name, item, f"multipart.{name}" + ("" if index is None else f"[{index}]")


def _part(name: str, value: Any, place: str, limits: ExecutorLimits) -> tuple[bytes, bytes]:
    """One part's head, which ends with an empty line, and its data."""
    disposition = f'Content-Disposition: form-data; name="{_escaped(name, place)}"'
    if not isinstance(value, dict):
        return f"{disposition}\r\n".encode(), _data(value, place)
    if unknown := set(value) - _KEYS:
        name = min(map(str, unknown))[:40]
        raise FieldError(f"{place}: unknown key {name!r}; expected file or content, filename, content_type")
    if ("file" in value) == ("content" in value):
        raise FieldError(f"{place}: expected one of file and content")
    filename = value.get("filename")
    if "file" in value:
        path = scalar(value["file"], f"{place}.file")
        data = read_file(path, f"{place}.file", limits, MAX_SIZE)
        filename = PurePath(path).name if filename is None else filename
    else:
        data = _data(value["content"], f"{place}.content")
    if filename is not None:
        filename = scalar(filename, f"{place}.filename")
        disposition += f'; filename="{_escaped(filename, place)}"'
    media = value.get("content_type") or _guess(filename)
    if media is None:
        return f"{disposition}\r\n".encode(), data
    if not _MEDIA_TYPE.fullmatch(scalar(media, f"{place}.content_type")):
        raise FieldError(f"{place}.content_type: expected a media type such as text/csv")
    return f"{disposition}\r\nContent-Type: {media}\r\n".encode(), data


def _data(value: Any, place: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict | list):
        return msgspec.json.encode(value)
    return scalar(value, place).encode()


def _guess(filename: str | None) -> str | None:
    if filename is None:
        return None
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"


def _escaped(text: str, place: str) -> str:
    if "\x00" in text:
        raise FieldError(f"{place}: holds a NUL")
    return scalar(text, place).replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
