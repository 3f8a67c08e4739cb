"""TLS: whose certificates are taken, and which client's are shown."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from runner.errors import PermanentError, TemporaryError
from runner.executors.http import HttpExecutor
from tests.conftest import OpenServer
from tests.integration.executors.http.world import fetch, raw, tls_server
from tests.services.http_server import answer


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class TestTls:
    @pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
    async def test_a_trusted_certificate(
        self, http: HttpExecutor, http_server: OpenServer, authority: trustme.CA, tmp_path: Path, http2: Any
    ) -> None:
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
    async def test_an_invalid_certificate_is_refused(
        self,
        http: HttpExecutor,
        authority: trustme.CA,
        tmp_path: Path,
        names: Any,
        options: Any,
        trusted: Any,
        why: Any,
        http2: Any,
    ) -> None:
        """Before a byte of the request is sent; trying again will not help."""
        received = []

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.append(await reader.read())

        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        verify = str(tmp_path / "ca.pem") if trusted else True
        async with raw(script, tls=tls_server(authority, *names, **options)) as server:
            with pytest.raises(
                PermanentError, match=f"^POST 127.0.0.1:{server.port} has a certificate that {why}"
            ) as caught:
                await fetch(http, url=server.url(), method="POST", verify=verify, http2=http2)
        assert (caught.value.kind, caught.value.effect) == ("connection", "none")
        assert not any(received)

    async def test_verify_false_takes_any(
        self, http: HttpExecutor, http_server: OpenServer, authority: trustme.CA
    ) -> None:
        """Written out, never by default, and for that action only."""
        server = await http_server(answer({}), tls=tls_server(authority, "other.test"))
        assert (await fetch(http, url=server.url(), verify=False))["status"] == 200
        with pytest.raises(PermanentError, match="certificate"):
            await fetch(http, url=server.url())

    async def test_plain_http_on_a_tls_port(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """No agreement on TLS; OpenSSL's own word tells why."""
        server = await http_server(answer({}))
        with pytest.raises(
            TemporaryError, match=r"did not agree on TLS \((wrong version number|record layer failure)\)"
        ) as caught:
            await fetch(http, url=server.url().replace("http:", "https:"), method="POST")
        assert caught.value.effect == "none"

    async def test_a_client_certificate(
        self, http: HttpExecutor, http_server: OpenServer, authority: trustme.CA, tmp_path: Path
    ) -> None:
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
        common: dict[str, Any] = {"url": server.url(), "verify": str(tmp_path / "ca.pem")}
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
