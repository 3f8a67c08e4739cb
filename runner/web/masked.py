"""
Problem documents with the secrets in them masked: what is wrong with a request may quote what was sent.

    application ──application/problem+json──► whole ──redact──► on        every other answer passes as it is

`runner.web.portal` puts it around everything that answers. It must not know which secrets there are.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runner.problems import PROBLEM_TYPE


class MaskedProblems:
    """ASGI middleware. `redact` gives a JSON value with the secrets in it masked."""

    def __init__(self, app: ASGIApp, redact: Callable[[Any], Any]) -> None:
        self._app = app
        self._redact = redact

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; a problem document is held back until it is whole."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held: list[Message] = []
        body = bytearray()

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                if MutableHeaders(scope=message).get("content-type", "").startswith(PROBLEM_TYPE):
                    held.append(message)
                    return
            elif held:
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    await self._masked(held.pop(), bytes(body), send)
                return
            await send(message)

        await self._app(scope, receive, sent)

    async def _masked(self, start: Message, body: bytes, send: Send) -> None:
        document = msgspec.json.encode(self._redact(msgspec.json.decode(body))) if body else body
        MutableHeaders(scope=start)["content-length"] = str(len(document))
        await send(start)
        await send({"type": "http.response.body", "body": document})
