"""
What a waiting caller is answered, as the journal keeps it.

    rendered `response` ──made_response()──► {status, headers: [[name, text], …], body | bytes (base64)}

`runner.engine.flow` makes it of a `stop`'s response and of the trigger's; `runner.triggers` sends it. Whatever cannot
be sent is found here, where the run can still fail by it and name it.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from runner.definitions.response_headers import is_header_value, problem_of_header
from runner.errors import PermanentError
from runner.expressions.labels import Labelled

_MOST_HEADER_BYTES: Final = 64_000
_KEYS: Final = ("status", "headers", "body")


def made_response(labelled: Labelled) -> Labelled:
    """
    The same response with every default written out; its labels stand where its parts now do.

    Raises PermanentError for a status, a header or a key that no answer has.
    """
    given = {} if labelled.value is None else labelled.value
    if not isinstance(given, dict) or set(given) - set(_KEYS):
        raise _wrong("response: expected status, headers and body")
    status = given.get("status", 200)
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:  # noqa: PLR2004  HTTP's own
        raise _wrong("response.status: expected a number from 200 to 599")
    headers = given.get("headers") or {}
    if not isinstance(headers, dict):
        raise _wrong("response.headers: expected a mapping")
    made: dict[str, Any] = {"status": status, "headers": list(_fields(headers))}
    body = given.get("body")
    labels = {path if path[:1] != ("headers",) else ("headers",): names for path, names in labelled.labels.items()}
    if isinstance(body, bytes):
        made["bytes"] = b64encode(body).decode()
        labels = {("bytes",) if path[:1] == ("body",) else path: names for path, names in labels.items()}
    elif "body" in given:
        made["body"] = body
    return Labelled(made, labels)


def _fields(headers: Mapping[str, Any]) -> Iterator[list[str]]:
    size = 0
    for name, value in headers.items():
        problem = problem_of_header(name)
        if problem:
            raise _wrong(f"response.headers: one of the names {problem}")
        for each in value if isinstance(value, list) else [value]:
            if each is None:
                continue
            if isinstance(each, dict | list | bytes):
                raise _wrong(f"response.headers.{name}: expected text, a number or a list of them")
            text = each if isinstance(each, str) else msgspec.json.encode(each).decode()
            if not is_header_value(text):
                raise _wrong(f"response.headers.{name} holds a line break or another control character")
            size += len(name) + len(text) + 4
            if size > _MOST_HEADER_BYTES:
                raise _wrong(f"response.headers: more than {_MOST_HEADER_BYTES} bytes in all")
            yield [name, text.strip(" \t")]


def _wrong(message: str) -> PermanentError:
    return PermanentError(message, kind="value")
