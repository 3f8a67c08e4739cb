"""
What the tests of the http executor share: a call, a config as the engine renders it, and servers that speak raw bytes.

    await fetch(executor, url=…, headers=…)          one attempt; returns the whole value
    async with raw(script) as server                 `script(reader, writer)` for each connection
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trustme
from aiohttp import web

from runner.definitions.fields import decode
from runner.engine.services import Destinations
from runner.executors.http import HttpConfig, HttpExecutor
from runner.expressions.labels import Labelled, wrap
from runner.expressions.scope import MappingScope
from runner.expressions.template import LeafKind, compile_template
from runner.ports import Result
from runner.secret import Secret
from runner.testing import FakeDestinations
from tests.calls import BoundCall
from tests.services.http_server import Handler

CANARY = "canary-7f3a9b-secret"


def secret(text: str = CANARY, name: str = "KEY") -> Secret:
    """A secret as it arrives from the engine."""
    return Secret(frozenset({name}), text)


@dataclass
class FakeCall(BoundCall):
    """A `Call` that remembers what it was told."""

    run: str = "run-1"
    workflow: str = "flow"
    place: str = "fetch"
    attempt: int = 1
    timeout: float | None = None
    kept: Sequence[Result] = ()
    pages_kept: list[Result] = field(default_factory=list)
    left: int = 0
    destinations: Destinations = field(default_factory=FakeDestinations)

    def idempotency_key(self, page: int = 0) -> str:
        """The same for the same page."""
        return f"{page:032x}"

    @property
    def pages(self) -> Sequence[Result]:
        """What an earlier attempt has journaled."""
        return self.kept

    def leaving(self) -> None:
        """Counted."""
        self.left += 1

    async def keep_page(self, page: Result) -> None:
        """Remembered."""
        self.pages_kept.append(page)

    def seal(self, data: bytes) -> bytes:
        """Http seals nothing."""
        raise AssertionError

    def unseal(self, data: bytes) -> bytes:
        """Nor opens anything."""
        raise AssertionError


def config(**raw: Any) -> HttpConfig:
    """A config rendered as the engine renders one: expressions over `$this` deferred, secrets wrapped."""
    kinds: dict[tuple[str | int, ...], LeafKind] = {("paginate", "next"): "deferred", ("paginate", "items"): "deferred"}
    if isinstance(raw.get("expect"), str) and "$" in raw["expect"]:
        kinds["expect",] = "deferred"
    found: dict[tuple[str | int, ...], Any] = {}
    plain = _without_secrets(raw, (), found)
    rendered = compile_template(plain, kinds).evaluate(MappingScope({}))
    labels = {path: value.names for path, value in found.items()}
    return decode(wrap(Labelled(rendered.value, labels)), HttpConfig)


def _without_secrets(value: Any, path: tuple[str | int, ...], found: dict[tuple[str | int, ...], Any]) -> Any:
    if isinstance(value, Secret):
        found[path] = value
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: _without_secrets(item, (*path, key), found) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item, (*path, index), found) for index, item in enumerate(value)]
    return value


async def fetch(executor: HttpExecutor, call: Any = None, **raw: Any) -> Any:
    """One attempt's value."""
    return (await executor.execute(config(**raw), call or FakeCall())).value


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """A server that does with each connection what its script says. `closed` counts connections that the peer ended."""

    origin: str
    port: int
    connections: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/") -> str:
        """The whole address of `path`."""
        return self.origin + path


@asynccontextmanager
async def raw(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Serve `script` within the block."""
    server = RawServer("", 0)
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            server.ended.set()
            writer.transport.abort()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(connected(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    server.origin = f"{'https' if tls else 'http'}://127.0.0.1:{server.port}"
    try:
        yield server
    finally:
        listening.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def request_head(reader: asyncio.StreamReader) -> bytes:
    """One request's line and headers."""
    return await reader.readuntil(b"\r\n\r\n")


def says(answer: bytes, *, then: str = "close") -> Script:
    """A script that answers each request with these bytes; then closes, hangs, or keeps the connection."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request_head(reader)
            writer.write(answer)
            await writer.drain()
            if then == "close":
                return
            if then == "hang":
                await reader.read()
                return

    return script


def respond(body: bytes = b"", status: int = 200, **headers: str) -> Handler:
    """A handler of a real server that answers with these bytes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=named)

    return handler


def tls_server(authority: trustme.CA, *names: str, **options: Any) -> ssl.SSLContext:
    """A server's context with a certificate of `authority` for `names`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1",)), **options).configure_cert(context)
    return context
