"""HTTP/2, against a small server on the h2 package."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset

from runner.errors import PermanentError, TemporaryError
from runner.executors.http import HttpExecutor
from tests.integration.executors.http.world import CANARY, FakeCall, RawServer, fetch, raw, secret, tls_server


@dataclass
class H2Server:
    """Answers each stream with what it was sent; `/silent` never, `/reset` by a reset."""

    raw: RawServer
    requests: list[dict[str, str]] = field(default_factory=list)
    bodies: dict[int, bytes] = field(default_factory=dict)
    resets: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        streams: dict[int, dict[str, str]] = {}
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    streams[event.stream_id] = {str(name): str(value) for name, value in event.headers}
                    self.requests.append(streams[event.stream_id])
                elif isinstance(event, DataReceived):
                    self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    self.answer(connection, event.stream_id, streams[event.stream_id][":path"])
                elif isinstance(event, StreamReset):
                    self.resets.set()
            writer.write(connection.data_to_send())

    def answer(self, connection: H2Connection, stream: int, path: str) -> None:
        if path == "/silent":
            return
        if path == "/reset":
            connection.reset_stream(stream)
            return
        status = "503" if path == "/fails" else "200"
        connection.send_headers(stream, [(":status", status), ("content-type", "text/plain"), ("set-cookie", "a=1")])
        connection.send_data(stream, self.bodies.get(stream, b"none"), end_stream=True)


@pytest.fixture
async def h2(tmp_path: Path) -> AsyncIterator[H2Server]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = tls_server(authority)
    context.set_alpn_protocols(["h2"])
    server: H2Server

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.serve(reader, writer)

    async with raw(script, tls=context) as listening:
        server = H2Server(listening)
        yield server


class TestHttp2:
    async def test_a_request_and_its_answer(self, http: HttpExecutor, h2: H2Server, tmp_path: Path) -> None:
        """Headers in lower case, authority, body and key arrive; the value is that of HTTP/1.1."""
        got = await fetch(
            http,
            url=h2.raw.url("/x?y=1"),
            method="POST",
            headers={"X-Secret": secret()},
            body="hello",
            http2=True,
            verify=str(tmp_path / "ca.pem"),
        )
        assert got == {"status": 200, "headers": {"content-type": "text/plain", "set-cookie": ["a=1"]}, "body": "hello"}
        head = h2.requests[0]
        assert (head[":method"], head[":path"], head[":authority"]) == ("POST", "/x?y=1", f"127.0.0.1:{h2.raw.port}")
        assert head["x-secret"] == CANARY
        assert head["idempotency-key"] == "0" * 32

    async def test_many_requests_share_a_connection(self, http: HttpExecutor, h2: H2Server, tmp_path: Path) -> None:
        """Twenty at once, after one that opened it."""
        common: dict[str, Any] = {"http2": True, "verify": str(tmp_path / "ca.pem")}
        await fetch(http, url=h2.raw.url(), **common)
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(lambda: fetch(http, url=h2.raw.url(), **common))
        assert len(h2.requests) == 21
        assert h2.raw.connections == 1

    async def test_errors_are_those_of_http1(self, http: HttpExecutor, h2: H2Server, tmp_path: Path) -> None:
        """A status, a reset stream, a body over the bound."""
        common: dict[str, Any] = {"http2": True, "verify": str(tmp_path / "ca.pem"), "method": "POST"}
        with pytest.raises(TemporaryError, match=f"^POST 127.0.0.1:{h2.raw.port} answered 503$") as caught:
            await fetch(http, url=h2.raw.url("/fails"), **common)
        assert caught.value.effect == "unknown"
        with pytest.raises(TemporaryError, match="broke off the connection") as caught:
            await fetch(http, url=h2.raw.url("/reset"), **common)
        assert caught.value.effect == "unknown"
        with pytest.raises(PermanentError, match="max_response_size"):
            await fetch(http, url=h2.raw.url("/"), body="x" * 2000, max_response_size=1000, **common)
        assert (await fetch(http, url=h2.raw.url("/"), **common))["status"] == 200

    async def test_a_cancelled_request_is_reset_and_the_connection_lives(
        self, http: HttpExecutor, h2: H2Server, tmp_path: Path
    ) -> None:
        """Others on it are not cut off."""
        common: dict[str, Any] = {"http2": True, "verify": str(tmp_path / "ca.pem")}
        with anyio.move_on_after(0.3) as scope:
            await fetch(http, FakeCall(), url=h2.raw.url("/silent"), **common)
        assert scope.cancelled_caught
        assert (await fetch(http, url=h2.raw.url("/"), **common))["status"] == 200

    async def test_nobody_listens(self, http: HttpExecutor) -> None:
        """The system's own reason, and nothing sent."""
        with pytest.raises(TemporaryError, match=r"cannot be connected to") as caught:
            await fetch(http, url="http://127.0.0.1:1/", method="POST", http2=True)
        assert (caught.value.kind, caught.value.effect) == ("connection", "none")
