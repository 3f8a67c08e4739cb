"""Addresses that no action may call, and proxies: on the address that is connected to, at every redirect."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from aiohttp import web

from runner.errors import PermanentError, TemporaryError
from runner.executors.http import HttpExecutor, open_http
from runner.ports import ExecutorLimits
from tests.conftest import OpenServer
from tests.integration.executors.http.world import CANARY, fetch, raw, request_head, secret, tls_server
from tests.services.http_server import answer

METADATA = "leads to a cloud metadata"


class TestMetadata:
    @pytest.mark.parametrize(
        "host",
        [
            "169.254.169.254", "169.254.169.254.", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376",
            "169.254.43518", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]",
            "[::a9fe:a9fe]", "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16", "169.254.170.2", "192.0.0.192",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
    async def test_every_spelling_is_refused(self, http: HttpExecutor, host: str, http2: Any) -> None:
        """Before a byte is sent."""
        with pytest.raises(PermanentError, match=METADATA) as caught:
            await fetch(http, url=f"http://{host}/latest", method="POST", http2=http2)
        assert (caught.value.kind, caught.value.effect) == ("refused", "none")

    async def test_what_the_name_service_says_counts(self, http: HttpExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
        """A harmless name that leads there is refused on the address that would be connected to."""

        async def resolve(host: str, port: Any = 0, family: Any = 0) -> Any:
            return [
                {
                    "hostname": host,
                    "host": "169.254.169.254",
                    "port": port,
                    "family": socket.AF_INET,
                    "proto": 0,
                    "flags": 0,
                }
            ]

        connector: Any = http._http1._session.connector
        monkeypatch.setattr(connector._resolver, "resolve", resolve)
        with pytest.raises(PermanentError, match=METADATA):
            await fetch(http, url="http://innocent.test/")

    async def test_a_redirect_there_is_refused(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """Each hop is checked."""

        async def handler(_: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": "http://0xa9fea9fe/latest"})

        with pytest.raises(PermanentError, match=METADATA):
            await fetch(http, url=(await http_server(handler)).url())

    async def test_a_proxy_there_and_a_target_behind_a_proxy_are_refused(
        self, http: HttpExecutor, http_server: OpenServer
    ) -> None:
        """By name and by spelling, since the proxy resolves the target."""
        with pytest.raises(PermanentError, match=METADATA):
            await fetch(http, url="http://api.test/", proxy="http://169.254.169.254:3128")
        server = await http_server(answer({}))
        for host in ("metadata.google.internal", "2852039166"):
            with pytest.raises(PermanentError, match=METADATA):
                await fetch(http, url=f"http://{host}/", proxy=server.origin)
        assert server.requests == []

    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1", "localhost", "[::1]", "10.1.2.3", "[fd12::1]", "[::ffff:192.168.0.1]", "100.64.0.1", "0.0.0.0"],
    )
    async def test_private_networks_are_refused_where_they_are_off(self, host: str) -> None:
        """Loopback among them; by default they are allowed."""
        async with open_http(ExecutorLimits(allow_private_networks=False)) as strict:
            with pytest.raises(PermanentError, match="leads to a private address") as caught:
                await fetch(strict, url=f"http://{host}:9/")
        assert caught.value.kind == "refused"

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0"])
    async def test_runners_own_ports_are_refused(self, http_server: OpenServer, host: str) -> None:
        """Whatever name of this machine is used; another machine's same port would be fine."""
        server = await http_server(answer({}))
        async with open_http(ExecutorLimits(own_ports=(server.port,))) as careful:
            with pytest.raises(PermanentError, match="leads to a port of Runner's own"):
                await fetch(careful, url=f"http://{host}:{server.port}/")
        assert server.requests == []


class TestProxy:
    async def test_plain_requests_go_to_the_proxy_whole(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """With its own credentials, and without the secret ones of the request being lost."""
        seen = []

        async def handler(request: web.Request) -> web.Response:
            seen.append((request.raw_path, request.headers.get("Proxy-Authorization"), request.headers["X-A"]))
            return web.json_response({"via": "proxy"})

        proxy = await http_server(handler)
        url = proxy.origin.replace("//", "//us%40er:pw@")
        got = await fetch(http, url="http://api.test/x?y=1", proxy=secret(url), headers={"X-A": "1"})
        assert got["body"] == {"via": "proxy"}
        assert seen == [("http://api.test/x?y=1", "Basic dXNAZXI6cHc=", "1")]

    @pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
    async def test_tls_goes_through_a_tunnel(
        self, http: HttpExecutor, http_server: OpenServer, tmp_path: Path, http2: Any
    ) -> None:
        """The proxy sees the host and its own credentials; the request's header is for the server alone."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        server = await http_server(answer({"ok": True}), tls=tls_server(authority, "127.0.0.1"))
        heads = []

        async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await request_head(reader))
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

            async def pump(source: Any, sink: Any) -> None:
                while data := await source.read(65536):
                    sink.write(data)

            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(pump, reader, inner_writer)
                    await pump(inner_reader, writer)
            finally:
                inner_writer.transport.abort()
                inner_writer.close()

        async with raw(tunnel) as proxy:
            got = await fetch(
                http,
                url=server.url(),
                proxy=proxy.origin.replace("//", "//u:p@"),
                verify=str(tmp_path / "ca.pem"),
                headers={"X-Secret": secret()},
                http2=http2,
            )
        assert got["body"] == {"ok": True}
        assert heads[0].startswith(f"CONNECT 127.0.0.1:{server.port} ".encode())
        assert b"Basic dTpw" in heads[0]
        assert CANARY.encode() not in heads[0]
        assert server.requests[0].headers["x-secret"] == CANARY
        assert "proxy-authorization" not in server.requests[0].headers

    @pytest.mark.parametrize(
        ("status", "family", "kind"), [(407, PermanentError, "refused"), (502, TemporaryError, "connection")]
    )
    async def test_a_proxy_that_makes_no_tunnel(self, http: HttpExecutor, status: int, family: Any, kind: str) -> None:
        """Nothing was sent to the server."""

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_head(reader)
            writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
            await writer.drain()

        async with raw(script) as proxy:
            with pytest.raises(family, match=f"^POST api.test: its proxy answered {status}$") as caught:
                await fetch(http, url="https://api.test/", method="POST", proxy=proxy.url())
        assert (caught.value.kind, caught.value.effect) == (kind, "none")

    async def test_a_proxy_that_is_not_there(self, http: HttpExecutor) -> None:
        """Said of the proxy, not of the server."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with pytest.raises(TemporaryError, match=r"^GET api.test: its proxy cannot be connected to"):
            await fetch(http, url="http://api.test/", proxy=f"http://127.0.0.1:{port}")
