"""
Answers of the control socket: JSON, a document a line.

    documents ──json_lines()──► an answer whole        first, rest ──streamed()──► one that comes as its documents do

The modules with routes of the socket call it, `runner.web.control` among them; `runner.client.lines` reads it.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Final

import msgspec
from starlette.responses import Response, StreamingResponse

_MEDIA_TYPE: Final = "application/x-ndjson"


def json_lines(documents: Iterable[object]) -> Response:
    """All of them at once."""
    return Response(b"".join(map(_line, documents)), media_type=_MEDIA_TYPE)


def streamed(first: object, rest: AsyncIterator[object]) -> Response:
    """Each as it comes. The caller has awaited the first, so that what is refused is refused before the answer."""
    return StreamingResponse(_lines(first, rest), media_type=_MEDIA_TYPE)


async def _lines(first: object, rest: AsyncIterator[object]) -> AsyncIterator[bytes]:
    yield _line(first)
    async for document in rest:
        yield _line(document)


def _line(document: object) -> bytes:
    return msgspec.json.encode(document) + b"\n"
