"""Connections: what breaks, what hangs, and what a cancellation leaves behind."""

import asyncio
import socket
from functools import partial
from typing import Any

import anyio
import pytest

from runner.errors import PermanentError, TemporaryError
from runner.executors.http import HttpExecutor, open_http, transport
from runner.ports import ExecutorLimits
from tests.integration.executors.http.world import fetch, raw, request_head, says

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestBroken:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_nobody_listens(self, http: HttpExecutor, method: str) -> None:
        """Nothing was sent, whatever the method."""
        port = free_port()
        with pytest.raises(TemporaryError) as caught:
            await fetch(http, url=f"http://127.0.0.1:{port}/", method=method)
        assert str(caught.value) == f"{method} 127.0.0.1:{port} cannot be connected to: connection refused"
        assert (caught.value.kind, caught.value.effect) == ("connection", "none")

    async def test_a_host_without_an_address(self, http: HttpExecutor) -> None:
        """The name service knows none."""
        with pytest.raises(TemporaryError, match=r"^GET no-such-host.invalid: its host has no address$") as caught:
            await fetch(http, url="http://no-such-host.invalid/")
        assert caught.value.kind == "connection"

    @pytest.mark.parametrize(("method", "effect"), [("GET", "none"), ("POST", "unknown")])
    @pytest.mark.parametrize(
        "sent",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        ],
        ids=["before the answer", "in its headers", "in its body", "in a chunk"],
    )
    async def test_the_connection_breaks_off(self, http: HttpExecutor, method: str, effect: Any, sent: Any) -> None:
        """Worth another try; whether an unsafe request was carried out nobody knows."""
        async with raw(says(sent)) as server:
            with pytest.raises(TemporaryError, match="broke off the connection") as caught:
                await fetch(http, url=server.url(), method=method, body=None)
        assert (caught.value.kind, caught.value.effect) == ("connection", effect)

    async def test_the_connection_is_reset(self, http: HttpExecutor) -> None:
        """RST instead of an answer."""

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_head(reader)
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
            )
            writer.transport.abort()

        async with raw(script) as server:
            with pytest.raises(TemporaryError, match="broke off") as caught:
                await fetch(http, url=server.url(), method="POST")
        assert caught.value.effect == "unknown"

    @pytest.mark.parametrize(
        "sent",
        [
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"HTTP/1.1 abc OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
        ],
        ids=["ssh", "status", "length", "chunk"],
    )
    async def test_what_is_not_http_is_an_error(self, http: HttpExecutor, sent: Any) -> None:
        """Trying again will not help."""
        async with raw(says(sent, then="hang")) as server:
            with pytest.raises(PermanentError, match="not HTTP") as caught:
                await fetch(http, url=server.url())
        assert caught.value.kind == "response"

    @pytest.mark.parametrize("then", ["close", "hang"])
    async def test_a_malformed_chunk_in_the_middle_is_an_error_at_once(
        self, http: HttpExecutor, monkeypatch: pytest.MonkeyPatch, then: Any
    ) -> None:
        """aiohttp alone waits for ever here; the action must not."""
        begun = asyncio.Event()

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_head(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
            await begun.wait()
            writer.write(b"zz\r\nab\r\n0\r\n\r\n")
            await writer.drain()
            if then == "hang":
                await reader.read()

        async with raw(script) as server:
            answer_begun = transport._Answer.__init__

            def noticed(self: Any, request: Any, response: Any) -> None:
                answer_begun(self, request, response)
                begun.set()

            monkeypatch.setattr(transport._Answer, "__init__", noticed)
            with anyio.fail_after(30), pytest.raises((PermanentError, TemporaryError)) as caught:
                await fetch(http, url=server.url(), method="POST")
        assert caught.value.effect == "unknown"

    async def test_silence_is_given_up(self, http: HttpExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server that hangs is bounded even where the action names no timeout."""
        monkeypatch.setattr(transport, "SILENCE", 0.2)
        async with open_http(ExecutorLimits()) as quick, raw(says(b"", then="hang")) as server:
            with pytest.raises(TemporaryError, match=r"sent nothing for 0.2 s") as caught:
                await fetch(quick, url=server.url(), method="POST")
        assert (caught.value.kind, caught.value.effect) == ("timeout", "unknown")


class TestCancelled:
    @pytest.mark.parametrize("body", [False, True], ids=["before the answer", "in a body that never ends"])
    async def test_a_cancelled_request_costs_its_connection(self, http: HttpExecutor, body: Any) -> None:
        """The engine's timeout ends it; the peer sees the end at once and the next request has a connection of its own."""
        hang = asyncio.Event()

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_head(reader)
            if server.connections > 1:
                writer.write(OK)
                await reader.read()
                return
            if body:
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while body and not (reader.at_eof() or writer.is_closing()):
                writer.write(b"1\r\nx\r\n")
                await writer.drain()
                await asyncio.sleep(0.005)
                hang.set()
            hang.set()
            await reader.read()

        async with raw(script) as server:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(fetch, http, url=server.url(), method="POST"))
                await hang.wait()
                tasks.cancel_scope.cancel()
            with anyio.fail_after(30):
                await server.ended.wait()
            assert (await fetch(http, url=server.url()))["status"] == 200
            assert server.connections == 2

    async def test_a_hundred_cancelled_at_once_leave_nothing(self, http: HttpExecutor) -> None:
        """All connections are given up and the pool works on."""

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_head(reader)
            if server.connections > 100:
                writer.write(OK)
            await reader.read()

        async with raw(script) as server:
            with anyio.move_on_after(0.5):
                async with anyio.create_task_group() as group:
                    for _ in range(100):
                        group.start_soon(lambda: fetch(http, url=server.url()))
            assert server.connections == 100
            assert (await fetch(http, url=server.url()))["status"] == 200
