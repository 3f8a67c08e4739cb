"""
One request as it is read off its connection, and what `$trigger` means for it.

    ASGI scope ──Received──► headers, path, query      body(…) ──► bytes, bounded in size and in all
                                  └──value()──► {type, method, path, params, query, headers, body, raw, auth}, labelled

What is secret in it by its name (headers, keys of JSON and of the query) is labelled as it comes in, so that the
journal seals it. The header that proved the caller, Cookie and Proxy-Authorization are not in it.
"""

from typing import Any, Final

import anyio
from starlette.types import Receive, Scope, Send

from runner.definitions.fired import http_fired
from runner.executors.http.labels import secret_parts
from runner.expressions.labels import NO_LABELS, Labelled, Labels, Names, Path
from runner.triggers import body as bodies
from runner.triggers.answers import Answer, RefusedRequestError, problem, send

BUDGET: Final = 256_000_000
"""Bytes of all bodies together that are held while they are read."""

NAME: Final[Names] = frozenset({"trigger"})
"""The name that parts of a request bear which are secret by their own name: `[secret trigger]`."""

_NEVER: Final = frozenset({"cookie", "proxy-authorization"})
_SHORT: Final = 64_000
_DRAIN_BYTES: Final = 2_000_000
_DRAIN_SECONDS: Final = 2.0


class Budget:
    """How much the bodies under way hold together."""

    def __init__(self, most: int = BUDGET) -> None:
        self.left = most


class Received:
    """One request. `headers` by lower-case name, values of a repeated one joined by a comma."""

    def __init__(self, scope: Scope, receive: Receive, budget: Budget) -> None:
        self.method: str = scope["method"]
        self.raw_path: str = scope["raw_path"].decode("ascii", "replace")
        self.raw_query: bytes = scope["query_string"]
        client = scope.get("client")
        self.peer: str = client[0] if client else ""
        self.fields: list[tuple[str, str]] = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        self.headers: dict[str, str] = {}
        for name, value in self.fields:
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value
        self.path: str = scope["path"]
        self._receive = receive
        self._budget = budget
        self._ended = False

    def header(self, name: str) -> str | None:
        """The one header of that name; None where there is none, or more than one: then it proves nothing."""
        found = [value for each, value in self.fields if each == name]
        return found[0] if len(found) == 1 else None

    def check_length(self, most: int) -> None:
        """Refuse what says itself that it is too long. Raises RefusedRequestError (413)."""
        length = self.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > most:
            raise _too_long(most)

    @property
    def is_read(self) -> bool:
        """Whether nothing more of it comes."""
        return self._ended

    @property
    def may_be_long(self) -> bool:
        """Whether the rest of its body is not worth reading for the connection's sake."""
        length = self.headers.get("content-length", "0")
        return "transfer-encoding" in self.headers or not length.isdecimal() or int(length[:20]) > _SHORT

    async def body(self, most: int) -> bytes:
        """The whole body. Raises RefusedRequestError: 413 for more than `most` bytes, 503 where all are too many."""
        data = bytearray()
        held = 0
        try:
            while not self._ended:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    raise RefusedRequestError(problem(400, "the body was cut off"))
                chunk = message.get("body", b"")
                self._ended = not message.get("more_body", False)
                if self._ended and not data:
                    data = chunk
                else:
                    data += chunk
                if len(data) > most:
                    raise _too_long(most)
                if not self._ended:
                    held += len(chunk)
                    self._budget.left -= len(chunk)
                    if self._budget.left < 0:
                        raise RefusedRequestError(problem(503, "too many bodies are on their way; try again soon"))
        finally:
            self._budget.left += held
        return bytes(data)

    async def reply(self, answer: Answer, send_message: Send) -> None:
        """Put the answer on the wire, and take in what still comes, so that the caller gets to see it."""
        if self.is_read:
            await send(answer, send_message)
            return
        await send(answer, send_message, closes=self.may_be_long, more=True)
        await self._drain()
        await send_message({"type": "http.response.body", "body": b""})

    async def _drain(self) -> None:
        """Read what still comes for a moment, and forget it."""
        left = _DRAIN_BYTES
        with anyio.move_on_after(_DRAIN_SECONDS):
            while not self._ended and left > 0:
                message = await self._receive()
                self._ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
                left -= len(message.get("body", b""))

    async def hung_up(self) -> None:
        """Come back when the caller is gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def fired(
    request: Received, body: bytes, params: dict[str, str], *, auth: Any, proving: frozenset[str], with_raw: bool
) -> Labelled:
    """What `$trigger` means. `proving` are the headers that proved the caller. Raises RefusedRequestError."""
    value = http_fired(
        method=request.method,
        path=request.path,
        params=params,
        query=bodies.query(request.raw_query),
        headers={name: text for name, text in request.headers.items() if name not in proving and name not in _NEVER},
        body=await bodies.parsed(body, request.headers),
        auth=auth,
    )
    labels = _labels(value, body, request.raw_query)
    if with_raw:
        value["raw"] = bodies.raw_text(body)
        if any(path[0] == "body" for path in labels):
            labels = {**labels, ("raw",): NAME}
    return Labelled(value, labels)


def _labels(value: dict[str, Any], body: bytes, raw_query: bytes) -> Labels:
    found: dict[Path, Names] = {}
    hinted = body if isinstance(value["body"], dict | list) else b""
    for path in secret_parts({"headers": value["headers"], "body": value["body"]}, hinted):
        found[path] = NAME
    if raw_query:
        for path in secret_parts({"headers": {}, "body": value["query"]}, raw_query):
            found["query", *path[1:]] = NAME
    return found or NO_LABELS


def _too_long(most: int) -> RefusedRequestError:
    return RefusedRequestError(problem(413, f"a body may hold {most} bytes here (max_body_size)"))
