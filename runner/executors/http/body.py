"""
What a request carries: `body`, `form` or `multipart` as bytes, and their media type.

    body: {a: 1} → b'{"a":1}', application/json        body: text → text/plain        body: bytes →
    application/octet-stream form: {a: [1, 2], b: null} → b"a=1&a=2"            multipart →
    `runner.executors.http.multipart`

`runner.executors.http.outgoing` calls this with revealed values. A multipart part may be a file, so it is read in a
thread.
"""

from typing import Any
from urllib.parse import urlencode

import anyio.to_thread
import msgspec
from msgspec import UnsetType

from runner.executors.http import multipart
from runner.executors.http.config import HttpConfig
from runner.executors.http.scalars import FieldError, pairs
from runner.ports import ExecutorLimits
from runner.secret import reveal

Content = tuple[bytes, str]
"""Bytes and their media type."""


async def content(config: HttpConfig, limits: ExecutorLimits) -> Content | None:
    """What the request carries, or None. Raises FieldError."""
    given = [key for key in ("body", "form", "multipart") if has(config, key)]
    if len(given) > 1:
        raise FieldError(f"{' and '.join(given)}: a request carries one of body, form and multipart")
    if config.form is not None:
        form = urlencode(list(pairs(reveal(config.form), "form")))
        return form.encode(), "application/x-www-form-urlencoded"
    if config.multipart is not None:
        return await anyio.to_thread.run_sync(multipart.encode, reveal(config.multipart), limits)
    return None if not given else plain(reveal(config.body))


def has(config: HttpConfig, key: str) -> bool:
    """Whether one of the three is given; null is nothing."""
    value = getattr(config, key)
    return value is not None and not isinstance(value, UnsetType)


def plain(value: Any) -> Content:
    """A `body`: text and bytes as they are, anything else as JSON. Raises FieldError."""
    if isinstance(value, bytes):
        return value, "application/octet-stream"
    try:
        if isinstance(value, str):
            return value.encode(), "text/plain; charset=utf-8"
        return msgspec.json.encode(value), "application/json"
    except UnicodeEncodeError:
        raise FieldError("body: holds half of a surrogate pair, which no text can carry") from None
    except (TypeError, RecursionError, msgspec.MsgspecError):
        raise FieldError(
            "body: holds a value that JSON cannot express (bytes inside a mapping: write | b64encode)"
        ) from None
