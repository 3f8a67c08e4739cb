"""Clients that are slow, large or many, on real sockets: they are answered or cut off, and others never wait for them."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketStream
from starlette.types import Receive, Scope, Send

from runner.web.asgi import listen_tcp, serve
from runner.web.guard import Bounds

QUICK = Bounds(head_seconds=0.5, body_seconds=0.5, stall_seconds=0.5)
PATIENCE = 20.0
ASK = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """200 with the number of bytes and the number of headers; at /large as much as nobody wants to read."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        more = message["more_body"]
    body = b"x" * 30_000_000 if scope["path"] == "/large" else b"%d %d" % (size, len(scope["headers"]))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def port(bounds: Bounds) -> AsyncIterator[int]:
    """A port that is served with these bounds."""
    with listen_tcp("127.0.0.1", 0, "server.port") as listener:
        async with serve(echo, listener, bounds):
            yield listener.getsockname()[1]


@asynccontextmanager
async def client(number: int) -> AsyncIterator[SocketStream]:
    """A connection; the test fails where it waits too long."""
    with anyio.fail_after(PATIENCE):
        async with await anyio.connect_tcp("127.0.0.1", number) as stream:
            yield stream


async def all_of(stream: SocketStream) -> bytes:
    """Everything until the server hangs up."""
    data = b""
    try:
        async for chunk in stream:
            data += chunk
    except anyio.BrokenResourceError:
        pass
    return data


async def answer(number: int, request: bytes = ASK) -> bytes:
    """The first bytes that a new client is answered."""
    async with client(number) as stream:
        await stream.send(request)
        return await stream.receive()


class TestTime:
    async def test_a_head_that_never_ends_is_answered_408(self) -> None:
        """However often a further header comes: the head as a whole has its time."""
        async with port(QUICK) as number, client(number) as stream:
            await stream.send(b"POST / HTTP/1.1\r\nHost: h\r\n")
            async with anyio.create_task_group() as tasks:

                async def drip() -> None:
                    while True:
                        await stream.send(b"X-More: y\r\n")
                        await anyio.sleep(0.1)

                tasks.start_soon(drip)
                told = await stream.receive()
                tasks.cancel_scope.cancel()

        assert told.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"connection: close" in told

    async def test_a_body_that_stops_coming_is_answered_408(self) -> None:
        """A client that promises more than it sends holds its connection for a bounded time, and so does who says nothing."""
        async with port(QUICK) as number, client(number) as slow, client(number) as silent:
            await slow.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc")

            assert (await all_of(slow)).startswith(b"HTTP/1.1 408 ")
            assert (await all_of(silent)).startswith(b"HTTP/1.1 408 ")

    async def test_a_slow_body_that_keeps_its_rate_is_taken(self) -> None:
        """Over the first seconds it may take its time, as long as it goes on coming."""
        pieces = 8
        async with port(Bounds(head_seconds=0.5, body_seconds=0.5, body_rate=100)) as number, client(number) as stream:
            await stream.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (pieces * 100))
            for _ in range(pieces):
                await anyio.sleep(0.3)
                await stream.send(b"y" * 100)

            assert (await stream.receive()).startswith(b"HTTP/1.1 200 ")

    async def test_who_does_not_read_the_answer_is_hung_up_on(self) -> None:
        """The answer waits in memory no longer than the stall time."""
        async with port(QUICK) as number, client(number) as stream:
            await stream.send(ASK.replace(b"/x", b"/large"))
            await anyio.sleep(2.2)  # two looks of the guard, once a second
            got = await all_of(stream)

        assert 0 < len(got) < 30_000_000


class TestSize:
    @pytest.mark.parametrize(
        "head",
        [
            b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n" % (b"p" * 70_000),
            b"GET / HTTP/1.1\r\nHost: h\r\nX-Large: %s\r\n\r\n" % (b"v" * 70_000),
            b"GET / HTTP/1.1\r\nHost: h\r\n%s\r\n" % b"".join(b"X-%d: v\r\n" % n for n in range(9000)),
            b"GET / HTTP/1.1\r\nHost: h\r\nX-Endless: %s" % (b"v" * 200_000),
        ],
        ids=["path", "one-header", "many-headers", "never-ended"],
    )
    async def test_an_oversized_head_is_answered_431(self, head: bytes) -> None:
        """The setting is named; nothing reaches the application."""
        async with port(Bounds()) as number, client(number) as stream:
            await stream.send(head)
            told = await all_of(stream)

        assert told.startswith(b"HTTP/1.1 431 ")
        assert b"limits.headers_size" in told

    async def test_a_large_body_in_the_same_packet_is_no_oversized_head(self) -> None:
        """Only the head counts."""
        request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + b"b" * 100_000
        async with port(Bounds(head_bytes=1000)) as number:
            assert (await answer(number, request)).startswith(b"HTTP/1.1 200 ")

    async def test_chunks_of_more_framing_than_content_are_refused(self) -> None:
        """Chunk extensions and trailers take no more than the body that they frame is worth."""
        chunk = b"1;%s\r\nx\r\n" % (b"e" * 16_000)
        async with port(Bounds()) as number, client(number) as stream:
            await stream.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 20)

            assert (await all_of(stream)).startswith(b"HTTP/1.1 400 ")

    async def test_trailers_are_no_headers(self) -> None:
        """What comes behind a body does not stand among the headers."""
        request = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Late: 1\r\n\r\n"
        async with port(Bounds()) as number:
            assert b"\r\n\r\n1 2" in await answer(number, request)

    async def test_what_is_no_http_is_answered_400(self) -> None:
        """As a problem document, like every error."""
        async with port(Bounds()) as number:
            told = await answer(number, b"\x16\x03\x01 this is TLS or nothing\r\n\r\n")

        assert told.startswith(b"HTTP/1.1 400 ")
        assert b"application/problem+json" in told


class TestNumber:
    async def test_idle_clients_make_place_for_new_ones(self) -> None:
        """A hundred that say nothing do not keep the next ones out; the longest idle go first."""
        idle = [socket.socket() for _ in range(100)]
        async with port(Bounds(connections=20)) as number:
            for each in idle:
                each.connect(("127.0.0.1", number))
            answers = [await answer(number) for _ in range(30)]
            for each in idle:
                each.close()

        assert all(told.startswith(b"HTTP/1.1 200 ") for told in answers)

    async def test_bodies_that_do_not_come_make_place_too(self) -> None:
        """Clients in the middle of a slow body are the next to go."""
        async with port(Bounds(connections=10)) as number:
            slow = [await anyio.connect_tcp("127.0.0.1", number) for _ in range(30)]
            for each in slow[:10]:
                await each.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc")
            answers = [await answer(number) for _ in range(5)]
            for each in slow:
                await each.aclose()

        assert all(told.startswith(b"HTTP/1.1 200 ") for told in answers)

    async def test_a_connection_serves_many_requests_and_may_pipeline(self) -> None:
        """Keep-alive stays as it is, and requests that come together are answered in order."""
        async with port(Bounds()) as number, client(number) as stream:
            for _ in range(3):
                await stream.send(ASK)
                assert (await stream.receive()).startswith(b"HTTP/1.1 200 ")
            await stream.send(ASK * 3)
            told = b""
            while told.count(b"HTTP/1.1 200 ") < 3:
                told += await stream.receive()
