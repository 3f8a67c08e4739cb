"""
Services that the examples call, as an HTTP server that answers what a test has written down.

    server = await http_server(answers({"GET /data": {"a": 1}, "POST /pay": lambda request: web.json_response(…)}))
    sent(server)      [("GET /data", None), …]: what came, in order

A request that nobody wrote down is answered by 501, which no example expects. The mapping may change between two runs.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from tests.services.http_server import Handler, HttpServer, Received

Answer = Callable[[web.Request], web.Response] | dict[str, Any] | list[Any] | str | int | None
"""A function of the request, or what is sent as JSON by 200."""


def answers(by_request: Mapping[str, Answer]) -> Handler:
    """The handler that answers by `METHOD /path`."""

    async def handler(request: web.Request) -> web.StreamResponse:
        asked = f"{request.method} {request.path}"
        if asked not in by_request:
            return web.json_response({"unexpected": asked}, status=501)
        answer = by_request[asked]
        return answer(request) if callable(answer) else web.json_response(answer)

    return handler


def status(
    number: int, body: Any = None, headers: Mapping[str, str] | None = None
) -> Callable[[web.Request], web.Response]:
    """An answer by another status than 200."""
    return lambda _: web.json_response(body, status=number, headers=headers)


def sent(server: HttpServer) -> list[tuple[str, Any]]:
    """Each request as (`METHOD /path`, its body read as JSON or None)."""
    return [(f"{each.method} {each.path}", body(each)) for each in server.requests]


def body(request: Received) -> Any:
    """The body of one request, which is JSON or nothing."""
    return msgspec.json.decode(request.body) if request.body else None
