"""
A real HTTP server on a free port of the loopback, and what it was asked.

    server = await http_server(handler)      the fixture of tests/conftest.py
    server.url("/orders")                    http://127.0.0.1:PORT/orders
    server.requests[0].headers["x-api-key"]  every request in the order in which it came, its body read whole

The handler is an aiohttp one: `async def handler(request: web.Request) -> web.StreamResponse`, called for every method and
path. Tests of anything that speaks HTTP use it; it knows nothing of Runner.
"""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MAX_BODY = 64 * 1024 * 1024


@dataclass(frozen=True)
class Received:
    """One request as it came. `path` is without the query; `headers` has lower-case names, `query` the last of a repeated key."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass
class HttpServer:
    """A server that listens; it ends with the test that opened it."""

    origin: str
    port: int
    requests: list[Received] = field(default_factory=list)

    def url(self, path: str = "/") -> str:
        """The whole address of `path`."""
        return self.origin + path


def answer(body: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> Handler:
    """A handler that answers every request with the same JSON."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return handler


@asynccontextmanager
async def serve(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpServer]:
    """Serve `handler` within the block; handlers that still hang at its end are cut off at once."""
    server = HttpServer("", 0)

    async def record(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        server.requests.append(Received(request.method, request.path, dict(request.query), headers, body))
        return await handler(request)

    app = web.Application(client_max_size=_MAX_BODY)
    app.router.add_route("*", "/{tail:.*}", record)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        server.port = runner.addresses[0][1]
        server.origin = f"{'https' if tls else 'http'}://127.0.0.1:{server.port}"
        yield server
    finally:
        await runner.cleanup()
