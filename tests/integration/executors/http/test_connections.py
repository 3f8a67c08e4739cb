"""Connections: what breaks, what hangs, what is reused, and what a cancellation leaves behind."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta

import anyio
import pytest
import trustme
from aiohttp import web

from runner.errors import PermanentError, TemporaryError
from runner.executors.http import open_http, transport
from runner.ports import ExecutorLimits
from tests.conftest import OpenServer
from tests.integration.executors.http.world import FakeCall, fetch, raw, request_head, says, secret, tls_server
from tests.services.http_server import answer

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestBroken:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_nobody_listens(self, http, method):
        """Nothing was sent, whatever the method."""
        port = free_port()
        with pytest.raises(TemporaryError) as caught:
            await fetch(http, url=f"http://127.0.0.1:{port}/", method=method)
        assert str(caught.value) == f"{method} 127.0.0.1:{port} cannot be connected to: connection refused"
        assert (caught.value.kind, caught.value.effect) == ("connection", "none")

    async def test_a_host_without_an_address(self, http):
        """The name service knows none."""
        with pytest.raises(TemporaryError, match=r"^GET no-such-host.invalid: its host has no address$") as caught:
            await fetch(http, url="http://no-such-host.invalid/")
        assert caught.value.kind == "connection"

    @pytest.mark.parametrize(("method", "effect"), [("GET", "none"), ("POST", "unknown")])
    @pytest.mark.parametrize(
        "sent",
        [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"],
        ids=["before the answer", "in its headers", "in its body", "in a chunk"],
    )
    async def test_the_connection_breaks_off(self, http, method, effect, sent):
        """Worth another try; whether an unsafe request was carried out nobody knows."""
        async with raw(says(sent)) as server:
            with pytest.raises(TemporaryError, match="broke off the connection") as caught:
                await fetch(http, url=server.url(), method=method, body=None)
        assert (caught.value.kind, caught.value.effect) == ("connection", effect)

    async def test_the_connection_is_reset(self, http):
        """RST instead of an answer."""

        async def script(reader, writer):
            await request_head(reader)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            writer.transport.abort()

        async with raw(script) as server:
            with pytest.raises(TemporaryError, match="broke off") as caught:
                await fetch(http, url=server.url(), method="POST")
        assert caught.value.effect == "unknown"

    @pytest.mark.parametrize(
        "sent",
        [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n"],
        ids=["ssh", "status", "length", "chunk"],
    )
    async def test_what_is_not_http_is_an_error(self, http, sent):
        """Trying again will not help."""
        async with raw(says(sent, then="hang")) as server:
            with pytest.raises(PermanentError, match="not HTTP") as caught:
                await fetch(http, url=server.url())
        assert caught.value.kind == "response"

    @pytest.mark.parametrize("then", ["close", "hang"])
    async def test_a_malformed_chunk_in_the_middle_is_an_error_at_once(self, http, monkeypatch, then):
        """aiohttp alone waits for ever here; the action must not."""
        begun = asyncio.Event()

        async def script(reader, writer):
            await request_head(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
            await begun.wait()
            writer.write(b"zz\r\nab\r\n0\r\n\r\n")
            await writer.drain()
            if then == "hang":
                await reader.read()

        async with raw(script) as server:
            answer_begun = transport._Answer.__init__

            def noticed(self, request, response):
                answer_begun(self, request, response)
                begun.set()

            monkeypatch.setattr(transport._Answer, "__init__", noticed)
            with anyio.fail_after(5), pytest.raises((PermanentError, TemporaryError)) as caught:
                await fetch(http, url=server.url(), method="POST")
        assert caught.value.effect == "unknown"

    async def test_silence_is_given_up(self, http, monkeypatch):
        """A server that hangs is bounded even where the action names no timeout."""
        monkeypatch.setattr(transport, "SILENCE", 0.2)
        async with open_http(ExecutorLimits()) as quick, raw(says(b"", then="hang")) as server:
            with pytest.raises(TemporaryError, match="sent nothing for 0.2 s") as caught:
                await fetch(quick, url=server.url(), method="POST")
        assert (caught.value.kind, caught.value.effect) == ("timeout", "unknown")


class TestCancelled:
    @pytest.mark.parametrize("body", [False, True], ids=["before the answer", "in a body that never ends"])
    async def test_a_cancelled_request_costs_its_connection(self, http, body):
        """The engine's timeout ends it; the peer sees the end at once and the next request has a connection of its own."""
        hang = asyncio.Event()

        async def script(reader, writer):
            await request_head(reader)
            if server.connections > 1:
                writer.write(OK)
                await reader.read()
                return
            if body:
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            hang.set()
            while body and not reader.at_eof():
                writer.write(b"1\r\nx\r\n")
                await writer.drain()
                await asyncio.sleep(0.005)
            await reader.read()

        async with raw(script) as server:
            with anyio.move_on_after(0.2) as scope:
                await fetch(http, url=server.url(), method="POST")
            assert scope.cancelled_caught
            assert hang.is_set()
            with anyio.fail_after(2):
                await server.ended.wait()
            assert (await fetch(http, url=server.url()))["status"] == 200
            assert server.connections == 2

    async def test_a_hundred_cancelled_at_once_leave_nothing(self, http):
        """All connections are given up and the pool works on."""

        async def script(reader, writer):
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


class TestPool:
    async def test_connections_are_kept_alive(self, http):
        """Ten requests after each other need one connection, answers with a failed status included."""
        async with raw(says(OK.replace(b"200 OK", b"404 No"), then="keep")) as server:
            for _ in range(10):
                with pytest.raises(PermanentError):
                    await fetch(http, url=server.url(), headers={"X-Secret": secret()})
            assert server.connections == 1

    async def test_a_body_that_was_not_read_is_not_left_in_the_pool(self, http):
        """After an answer over the bound the next one has its own connection and its own answer."""
        big = b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b"x" * 5000

        async def script(reader, writer):
            while True:
                head = await request_head(reader)
                writer.write(big if b"/big" in head else OK)

        async with raw(script) as server:
            with pytest.raises(PermanentError, match="max_response_size"):
                await fetch(http, url=server.url("/big"), max_response_size=100)
            assert (await fetch(http, url=server.url("/")))["body"] == {}
            assert server.connections == 2

    async def test_five_hundred_in_flight(self, http, http_server: OpenServer):
        """The server answers nobody before all 500 have come: no cap of hosts or of the pool may hold one back."""
        gate = asyncio.Barrier(500)

        async def handler(request: web.Request) -> web.Response:
            await gate.wait()
            return web.json_response({"n": request.query["n"]})

        server = await http_server(handler)
        seen = []

        async def one(number: int) -> None:
            seen.append((await fetch(http, url=server.url(), query={"n": number}))["body"]["n"])

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for number in range(500):
                    group.start_soon(one, number)
        assert sorted(map(int, seen)) == list(range(500))

    async def test_a_stale_connection_is_no_failure(self, http):
        """A server that closes an idle connection costs nothing: the next request has a new one."""

        async def script(reader, writer):
            await request_head(reader)
            writer.write(OK)
            await writer.drain()

        async with raw(script) as server:
            for _ in range(3):
                await fetch(http, url=server.url(), method="POST")
                with anyio.fail_after(2):
                    await server.ended.wait()
                await asyncio.sleep(0)
            assert server.connections == 3


class TestTls:
    @pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
    async def test_a_trusted_certificate(self, http, http_server: OpenServer, authority, tmp_path, http2):
        """`verify` names the authority's file."""
        server = await http_server(answer({"ok": True}), tls=tls_server(authority))
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        got = await fetch(http, url=server.url(), verify=str(tmp_path / "ca.pem"), http2=http2)
        assert got["body"] == {"ok": True}

    @pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
    @pytest.mark.parametrize(
        ("names", "options", "trusted", "why"),
        [
            (("127.0.0.1",), {}, False, "is signed by an authority that is not known"),
            (("other.test",), {}, True, "is for another"),
            (("127.0.0.1",), {"not_after": datetime.now(UTC) - timedelta(days=1)}, True, "has expired"),
        ],
        ids=["unknown authority", "wrong host", "expired"],
    )
    async def test_an_invalid_certificate_is_refused(self, http, authority, tmp_path, names, options, trusted, why, http2):
        """Before a byte of the request is sent; trying again will not help."""
        received = []

        async def script(reader, writer):
            received.append(await reader.read())

        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        verify = str(tmp_path / "ca.pem") if trusted else True
        async with raw(script, tls=tls_server(authority, *names, **options)) as server:
            with pytest.raises(PermanentError, match=f"^POST 127.0.0.1:{server.port} has a certificate that {why}") as caught:
                await fetch(http, url=server.url(), method="POST", verify=verify, http2=http2)
        assert (caught.value.kind, caught.value.effect) == ("connection", "none")
        assert not any(received)

    async def test_verify_false_takes_any(self, http, http_server: OpenServer, authority):
        """Written out, never by default, and for that action only."""
        server = await http_server(answer({}), tls=tls_server(authority, "other.test"))
        assert (await fetch(http, url=server.url(), verify=False))["status"] == 200
        with pytest.raises(PermanentError, match="certificate"):
            await fetch(http, url=server.url())

    async def test_plain_http_on_a_tls_port(self, http, http_server: OpenServer):
        """No agreement on TLS; OpenSSL's own word tells why."""
        server = await http_server(answer({}))
        with pytest.raises(TemporaryError, match=r"did not agree on TLS \((wrong version number|record layer failure)\)") as caught:
            await fetch(http, url=server.url().replace("http:", "https:"), method="POST")
        assert caught.value.effect == "none"

    async def test_a_client_certificate(self, http, http_server: OpenServer, authority, tmp_path):
        """The server demands one and sees it; a new file under the same name counts at once."""
        context = tls_server(authority)
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED

        async def handler(request: web.Request) -> web.Response:
            assert request.transport is not None
            subject = request.transport.get_extra_info("ssl_object").getpeercert()["subjectAltName"]
            return web.json_response(subject[0][1])

        server = await http_server(handler, tls=context)
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        common = {"url": server.url(), "verify": str(tmp_path / "ca.pem")}
        for name in ("one.test", "two.test"):
            issued = authority.issue_cert(name)
            issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
            assert (await fetch(http, **common, client_certificate=str(tmp_path / "client.pem")))["body"] == name
        (tmp_path / "key.pem").write_bytes(issued.private_key_pem.bytes())
        (tmp_path / "cert.pem").write_bytes(issued.cert_chain_pems[0].bytes())
        split = {"certificate": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
        assert (await fetch(http, **common, client_certificate=split))["body"] == "two.test"
        with pytest.raises((PermanentError, TemporaryError)):
            await fetch(http, **common)
        with pytest.raises(PermanentError, match="client_certificate: no PEM certificate"):
            await fetch(http, **common, client_certificate=str(tmp_path / "ca.pem"))


class TestClosing:
    async def test_closing_ends_every_connection(self):
        """Nothing is open after the block."""
        async with raw(says(OK, then="hang")) as server:
            async with open_http(ExecutorLimits()) as executor:
                await fetch(executor, FakeCall(), url=server.url())
            with anyio.fail_after(2):
                await server.ended.wait()
