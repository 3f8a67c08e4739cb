"""
A rotation of the master key, on the control socket alone: the new key comes in and goes nowhere else.

    POST /rotate  {"key": …, "by": …}  → {"erased": true}

`runner secrets rotate-master-key` sends it; only root and the daemon's own user reach the socket. What comes here is in
no log and in no error.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.web.json_lines import json_lines

_MOST: Final = 100_000
"""Bytes of a request: a key has 71 characters, a passphrase a few more."""


class RotationRequest(msgspec.Struct, frozen=True):
    """The new master key as text, and who asks."""

    key: str
    by: str = ""

    def __repr__(self) -> str:
        return "RotationRequest(****)"


class RotationAnswer(msgspec.Struct, frozen=True):
    """The vault is under the new key; `erased`: the old bytes are gone from the file and its WAL."""

    erased: bool


Rotate = Callable[[str, str], Awaitable[bool]]


def rotation_route(rotate: Rotate) -> Route:
    """The route. `rotate` takes the new key's text and who asks, and says whether the old bytes are erased."""

    async def handle(request: Request) -> Response:
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
            if len(data) > _MOST:
                return Response(b"", 413)
        wanted = msgspec.json.decode(bytes(data), type=RotationRequest)
        answer = RotationAnswer(await rotate(wanted.key, wanted.by))
        return json_lines([answer])

    return Route("/rotate", handle, methods=["POST"])
