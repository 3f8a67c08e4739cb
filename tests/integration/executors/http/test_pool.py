"""The pool: what is reused, what is not, and that nothing holds anybody back."""

import asyncio

import anyio
import pytest
from aiohttp import web

from runner.errors import PermanentError
from runner.executors.http import HttpExecutor, open_http
from runner.ports import ExecutorLimits
from tests.conftest import OpenServer
from tests.integration.executors.http.world import FakeCall, fetch, raw, request_head, says, secret

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class TestPool:
    async def test_connections_are_kept_alive(self, http: HttpExecutor) -> None:
        """Ten requests after each other need one connection, answers with a failed status included."""
        async with raw(says(OK.replace(b"200 OK", b"404 No"), then="keep")) as server:
            for _ in range(10):
                with pytest.raises(PermanentError):
                    await fetch(http, url=server.url(), headers={"X-Secret": secret()})
            assert server.connections == 1

    async def test_a_body_that_was_not_read_is_not_left_in_the_pool(self, http: HttpExecutor) -> None:
        """After an answer over the bound the next one has its own connection and its own answer."""
        big = b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b"x" * 5000

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                head = await request_head(reader)
                writer.write(big if b"/big" in head else OK)

        async with raw(script) as server:
            with pytest.raises(PermanentError, match="max_response_size"):
                await fetch(http, url=server.url("/big"), max_response_size=100)
            assert (await fetch(http, url=server.url("/")))["body"] == {}
            assert server.connections == 2

    async def test_five_hundred_in_flight(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """The server answers nobody before all 500 have come: no cap of hosts or of the pool may hold one back."""
        waiting = 0
        all_here = asyncio.Event()

        async def handler(request: web.Request) -> web.Response:
            nonlocal waiting
            waiting += 1
            if waiting == 500:
                all_here.set()
            await all_here.wait()
            return web.json_response({"n": request.query["n"]})

        server = await http_server(handler)
        seen = []

        async def one(number: int) -> None:
            seen.append((await fetch(http, url=server.url(), query={"n": number}))["body"]["n"])

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                for number in range(500):
                    group.start_soon(one, number)
        assert sorted(map(int, seen)) == list(range(500))

    async def test_a_stale_connection_is_no_failure(self, http: HttpExecutor) -> None:
        """A server that closes an idle connection costs nothing: the next request has a new one."""

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_head(reader)
            writer.write(OK)
            await writer.drain()

        async with raw(script) as server:
            for _ in range(3):
                await fetch(http, url=server.url(), method="POST")
                with anyio.fail_after(30):
                    await server.ended.wait()
                await asyncio.sleep(0)
            assert server.connections == 3


class TestClosing:
    async def test_closing_ends_every_connection(self) -> None:
        """Nothing is open after the block."""
        async with raw(says(OK, then="hang")) as server:
            async with open_http(ExecutorLimits()) as executor:
                await fetch(executor, FakeCall(), url=server.url())
            with anyio.fail_after(30):
                await server.ended.wait()
