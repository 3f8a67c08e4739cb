"""
A peer that gives back what it got, in every way that a server, knowing nothing of secrets, might.

    peer = Peer()        await http_server(peer.handle)      the requests that hang are let go by `peer.release`

Each path is one way: `/echo` headers and body, `/fail` a page that names the address, `/shapes` the value in the shapes
of libraries, `/hang` no answer at all. The value is the body's `v`, or the header `X-Canary`.
"""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import anyio
from aiohttp import web

from tests.unit.redaction.shapes import SHAPES

GIVEN: Final = "given-Away/By the peer+0815"
"""What `/given` answers."""

PATHS: Final = (
    "shapes",
    "text",
    "gzip",
    "chunks",
    "bytes",
    "halves",
    "broken",
    "charset",
    "headers",
    "status",
    "redirect",
    "login",
    "page",
)
"""Ways of giving a value back that one request with a body takes each."""


class Peer:
    """The peer, and what it waits for."""

    def __init__(self) -> None:
        self.hanging = anyio.Event()
        """Set once a request hangs."""
        self.release = anyio.Event()
        """Set by the test: from now on nothing hangs."""
        self.stolen: list[str] = []
        """Values of `X-Canary` and of bodies, in the order in which they came; not of what is asked below `/own`."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer by the path's last part."""
        value = request.headers.get("X-Canary", "")
        with_body = await request.text()
        if with_body.startswith("{"):
            value = str(json.loads(with_body).get("v", value))
        if not request.path.startswith("/own/"):
            self.stolen.append(value)
        way = request.path.rpartition("/")[2]
        if way == "hang" and not self.release.is_set():
            self.hanging.set()
            await self.release.wait()
        if way == "chunks":
            return await _in_bytes(request, value)
        if way == "old":
            return web.json_response({"all": self.stolen})
        return _answer(way, value, request)


def _answer(way: str, value: str, request: web.Request) -> web.Response:
    text = web.Response
    answers: dict[str, Callable[[], web.Response]] = {
        "shapes": lambda: web.json_response({shape: write(value) for shape, write in SHAPES.items()}),
        "text": lambda: text(text="\n".join(write(value) for write in SHAPES.values())),
        "gzip": lambda: text(
            body=gzip.compress(json.dumps([value, {value: value}]).encode()),
            headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
        ),
        "bytes": lambda: text(body=b"\x00\xff" + value.encode(), content_type="application/octet-stream"),
        "halves": lambda: web.json_response([value[: len(value) // 2], value[len(value) // 2 :]]),
        "broken": lambda: text(text='{"k": ' + value, content_type="application/json"),
        "charset": lambda: text(body=value.encode(), headers={"Content-Type": f"text/html; charset={quote(value)}"}),
        "headers": lambda: web.json_response(
            dict(request.headers),
            headers={"X-Back": quote(value), "Set-Cookie": f"session={quote(value, safe='')}"},
        ),
        "status": lambda: text(status=418, reason=quote(value, safe=" "), text=json.dumps({"wrong": value})),
        "redirect": lambda: text(status=302, headers={"Location": f"http://127.0.0.1:9/{quote(value, safe='')}"}),
        "login": lambda: web.json_response({"access_token": f"granted-{quote(value)}", "kept": value}),
        "page": lambda: text(text=f"<a href='?q={quote(value)}'>", content_type="text/html", charset="utf-8"),
        "fail": lambda: text(status=500, text=f"no route for {request.raw_path} {request.url} {value}"),
        "given": lambda: web.json_response({"value": GIVEN}),
    }
    return answers[way]() if way in answers else _echo(value, request)


def _echo(value: str, request: web.Request) -> web.Response:
    coded = base64.b64encode(value.encode()).decode()
    return web.json_response({"headers": dict(request.headers), "value": value, "coded": coded})


async def _in_bytes(request: web.Request, value: str) -> web.StreamResponse:
    """Chunked, a byte at a time."""
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    for byte in value.encode()[:200]:
        await response.write(bytes([byte]))
    await response.write_eof()
    return response
