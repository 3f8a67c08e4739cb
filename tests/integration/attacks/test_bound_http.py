"""A secret that is bound to one origin reaches no other by HTTP, whatever the workflow or a server tries."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from runner.errors import PermanentError
from runner.executors.http import HttpExecutor
from tests.conftest import OpenServer
from tests.integration.attacks.held import CANARY, destinations
from tests.integration.executors.http.world import FakeCall, fetch, secret, tls_server
from tests.services.http_server import HttpServer, answer

REFUSED = "the secret KEY may be sent to .* only \\(allowed_hosts\\), not to "


def bound_to(*origins: str, value: str = CANARY) -> FakeCall:
    """A call of a daemon whose secret KEY is bound to these origins."""
    return FakeCall(destinations=destinations({"KEY": (value, origins)}))


async def refused(http: HttpExecutor, call: FakeCall, match: str = REFUSED, **config: Any) -> str:
    """The refusal of an attempt; it holds no value."""
    with pytest.raises(PermanentError, match=match) as caught:
        await fetch(http, call, **config)
    assert caught.value.kind == "refused"
    assert CANARY not in str(caught.value)
    return str(caught.value)


@pytest.fixture
async def own(http_server: OpenServer) -> HttpServer:
    """The server that the secret is for."""
    return await http_server(answer({"ok": True}))


@pytest.fixture
async def thief(http_server: OpenServer) -> HttpServer:
    """Another server; nothing may reach it."""
    return await http_server(answer({"ok": True}))


class TestUrl:
    async def test_its_own_origin_gets_it(self, http: HttpExecutor, own: HttpServer) -> None:
        """The defence lets through what is meant, and it is known where the secret went."""
        call = bound_to(own.origin)
        await fetch(http, call, url=own.url(), headers={"Authorization": secret(CANARY)})

        assert own.requests[0].headers["authorization"] == CANARY

    @pytest.mark.parametrize("part", ["url", "query", "headers", "body", "form", "multipart", "auth", "user"])
    async def test_no_part_of_a_request_to_another_carries_it(
        self, http: HttpExecutor, own: HttpServer, thief: HttpServer, part: str
    ) -> None:
        """By its label, before a byte is sent."""
        held = secret(CANARY)
        parts: dict[str, Any] = {
            "url": {"url": secret(thief.url(f"/{CANARY}"))},
            "query": {"query": {"k": held}},
            "headers": {"headers": {"X-K": held}},
            "body": {"method": "POST", "body": {"a": [held]}},
            "form": {"method": "POST", "form": {"k": held}},
            "multipart": {"method": "POST", "multipart": {"k": held}},
            "auth": {"auth": {"basic": {"username": "u", "password": held}}},
            "user": {"url": secret(thief.url().replace("//", f"//u:{CANARY.replace('/', '%2F')}@"))},
        }
        await refused(http, bound_to(own.origin), **{"url": thief.url(), **parts[part]})

        assert thief.requests == []

    @pytest.mark.parametrize(
        "allowed", ["https://127.0.0.1", "127.0.0.1:{port}", "http://127.0.0.1:1", "http://127.0.0.1"]
    )
    async def test_scheme_and_port_count(self, http: HttpExecutor, own: HttpServer, allowed: str) -> None:
        """Plain http is another origin than https, a port than another."""
        call = bound_to(allowed.format(port=own.port))
        await refused(http, call, url=own.url(), headers={"X-K": secret(CANARY)})

        assert own.requests == []

    async def test_where_it_went_is_known(self, http: HttpExecutor, own: HttpServer) -> None:
        """For those who ask for which hosts a secret is used; what was refused went nowhere."""
        call = bound_to(own.origin)
        await fetch(http, call, url=own.url(), headers={"X-K": secret(CANARY)})
        await refused(http, call, url="http://127.0.0.1:9/", headers={"X-K": secret(CANARY)})

        seen: Any = call.destinations
        assert set(seen._seen.of_all()["KEY"].hosts) == {own.origin}

    async def test_a_secret_that_may_go_nowhere(self, http: HttpExecutor, own: HttpServer) -> None:
        """An empty list admits nothing."""
        told = await refused(http, bound_to(), url=own.url(), headers={"X-K": secret(CANARY)})

        assert "may be sent to no host only" in told


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_it_does_not_follow_to_another(
        self, http: HttpExecutor, http_server: OpenServer, thief: HttpServer, status: int
    ) -> None:
        """With the label on the request, and where only its value stands in the body or the address."""

        async def onward(_: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": thief.url(f"/?{CANARY}")})

        own = await http_server(onward)
        call = bound_to(own.origin)
        with pytest.raises(PermanentError):
            await fetch(http, call, url=own.url(), headers={"X-K": secret(CANARY)}, method="POST")
        await refused(http, call, url=own.url(), method="POST", body=f"again: {CANARY}")

        assert thief.requests == []


class TestWay:
    async def test_a_proxy_that_is_not_allowed_sees_nothing(
        self, http: HttpExecutor, own: HttpServer, thief: HttpServer
    ) -> None:
        """Not even where it would only make a tunnel."""
        for url in (own.url(), "https://127.0.0.1:9/"):
            call = bound_to(own.origin, "https://127.0.0.1:9")
            await refused(
                http, call, REFUSED + "its proxy", url=url, proxy=thief.origin, headers={"X-K": secret(CANARY)}
            )
        assert thief.requests == []

    async def test_a_proxys_own_credentials_go_to_that_proxy_only(
        self, http: HttpExecutor, own: HttpServer, thief: HttpServer
    ) -> None:
        """They may be a bound secret too."""
        url = secret(thief.origin.replace("//", "//u:canary-proxy-password@"))
        await refused(http, bound_to(own.origin), REFUSED + "the proxy", url=own.url(), proxy=url)

        assert thief.requests == []

    @pytest.mark.parametrize("host", ["evil.test", "127.0.0.1", "127.0.0.1:1", "a b", ""])
    async def test_a_foreign_host_header_is_refused(self, http: HttpExecutor, own: HttpServer, host: str) -> None:
        """A server of many names would hand the request to another."""
        headers = {"Host": host, "X-K": secret(CANARY)}
        await refused(
            http, bound_to(own.origin), "the header Host names another than the url", url=own.url(), headers=headers
        )

        assert own.requests == []

    async def test_its_own_host_header_may_be_written_out(self, http: HttpExecutor, own: HttpServer) -> None:
        """It says what the url says."""
        await fetch(
            http, bound_to(own.origin), url=own.url(), headers={"Host": f"127.0.0.1:{own.port}", "X-K": secret(CANARY)}
        )

        assert len(own.requests) == 1

    async def test_an_unverified_server_gets_nothing(
        self, http: HttpExecutor, http_server: OpenServer, tmp_path: Path
    ) -> None:
        """`verify: false` trusts whoever answers; the same request with the right authority goes through."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        own = await http_server(answer({}), tls=tls_server(authority, "127.0.0.1"))
        call, headers = bound_to(own.origin), {"X-K": secret(CANARY)}
        await refused(
            http,
            call,
            "nobody can know of a server under `verify: false`",
            url=own.url(),
            verify=False,
            headers=headers,
        )
        assert own.requests == []

        await fetch(http, call, url=own.url(), verify=str(tmp_path / "ca.pem"), headers=headers)
        assert len(own.requests) == 1

    async def test_a_name_that_leads_elsewhere_has_no_certificate(
        self, http: HttpExecutor, http_server: OpenServer
    ) -> None:
        """A name service that lies gives the address of a server that cannot prove the name."""
        thief = await http_server(answer({}), tls=tls_server(trustme.CA(), "localhost"))
        call = bound_to(f"https://localhost:{thief.port}")
        with pytest.raises(PermanentError, match="certificate"):
            await fetch(http, call, url=f"https://localhost:{thief.port}/", headers={"X-K": secret(CANARY)})

        assert thief.requests == []


class TestPages:
    @pytest.mark.parametrize("labelled", [True, False], ids=["by label", "by value"])
    async def test_a_next_page_elsewhere_is_refused(
        self, http: HttpExecutor, http_server: OpenServer, thief: HttpServer, *, labelled: bool
    ) -> None:
        """By a Link header, with the secret in a header of the config or in a text without its label."""

        async def first(_: web.Request) -> web.Response:
            return web.json_response([1], headers={"Link": f'<{thief.url()}>; rel="next"'})

        own = await http_server(first)
        value: Any = secret(CANARY) if labelled else CANARY
        with pytest.raises(PermanentError):
            await fetch(http, bound_to(own.origin), url=own.url(), headers={"X-K": value}, paginate={"link": "header"})

        assert thief.requests == []
        assert len(own.requests) == 1


class TestTokens:
    @pytest.mark.parametrize("way", ["header", "body"])
    async def test_a_client_secret_goes_to_its_token_url_only(
        self, http: HttpExecutor, own: HttpServer, thief: HttpServer, way: str
    ) -> None:
        """In the header or the form; the request itself is never sent either."""
        oauth2 = {"token_url": thief.url(), "client_id": "c", "client_secret": secret(CANARY), "client_auth": way}
        await refused(http, bound_to(own.origin), url=own.url(), auth={"oauth2": oauth2})

        assert thief.requests == own.requests == []

    async def test_a_client_secret_too_short_to_be_searched_for_is_known_by_its_label(
        self, http: HttpExecutor, own: HttpServer, thief: HttpServer
    ) -> None:
        """Of three characters none can be told from other text."""
        oauth2 = {"token_url": thief.url(), "client_id": "c", "client_secret": secret("s3c")}
        await refused(http, bound_to(own.origin, value="s3c"), url=own.url(), auth={"oauth2": oauth2})

        assert thief.requests == []

    async def test_a_token_may_go_where_its_client_secret_may_not(
        self, http: HttpExecutor, http_server: OpenServer, own: HttpServer
    ) -> None:
        """The token's server is not the one that takes the token."""
        tokens = await http_server(answer({"access_token": "a-token-of-the-server"}))
        oauth2 = {"token_url": tokens.url(), "client_id": "c", "client_secret": secret(CANARY)}
        await fetch(http, bound_to(tokens.origin), url=own.url(), auth={"oauth2": oauth2})

        assert own.requests[0].headers["authorization"] == "Bearer a-token-of-the-server"

    async def test_a_key_file_that_names_another_token_uri_is_refused(
        self, http: HttpExecutor, own: HttpServer, thief: HttpServer
    ) -> None:
        """Nothing that its key has signed leaves for there."""
        key = rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = json.dumps({"client_email": "a@b.test", "private_key": key.decode(), "token_uri": thief.url()})
        call = bound_to(own.origin, value=account)
        google = {"service_account": secret(account), "scopes": ["s"]}
        await refused(http, call, url=own.url(), auth={"google": google})

        assert thief.requests == own.requests == []


class TestLaundering:
    SHAPES: tuple[tuple[str, str], ...] = (
        ("plain", CANARY),
        ("url", quote(CANARY, safe="")),
        ("url twice", quote(quote(CANARY, safe=""))),
        ("base64", base64.b64encode(f"user:{CANARY}".encode()).decode()),
        ("json", CANARY.replace("/", "\\/")),
        ("lower", CANARY.lower()),
        ("hex", CANARY.encode().hex()),
        ("base64 twice", base64.b64encode(base64.b64encode(f"user:{CANARY}".encode())).decode()),
        ("entities", "".join(f"&#{ord(character)};" for character in CANARY)),
    )

    @pytest.mark.parametrize("shape", [name for name, _ in SHAPES])
    @pytest.mark.parametrize("part", ["query", "header", "body"])
    async def test_a_value_that_an_allowed_server_echoed_is_refused(
        self, http: HttpExecutor, http_server: OpenServer, thief: HttpServer, shape: str, part: str
    ) -> None:
        """It comes back without its label, in whatever shape, and is known by its bytes."""
        echo = await http_server(answer({"said": dict(self.SHAPES)[shape]}))
        call = bound_to(echo.origin)
        echoed = (await fetch(http, call, url=echo.url(), headers={"X-K": secret(CANARY)}))["body"]["said"]
        parts: dict[str, Any] = {
            "query": {"query": {"q": echoed}},
            "header": {"headers": {"X-Q": f"<{echoed}>"}},
            "body": {"method": "POST", "body": [{"deep": f"…{echoed}…"}]},
        }
        told = await refused(http, call, url=thief.url(), **parts[part])

        assert "what holds the value of the secret KEY" in told
        assert thief.requests == []

    async def test_a_credential_within_a_document_is_known_and_an_address_beside_it_is_free(
        self, http: HttpExecutor, own: HttpServer, thief: HttpServer
    ) -> None:
        """Of a key file the key is worth stealing; its project and e-mail address stand in many requests."""
        document = json.dumps({"project_id": "my-own-project-1", "client_secret": "a-client-secret-value"})
        call = bound_to(own.origin, value=document)
        await fetch(http, call, url=thief.url("/my-own-project-1"))
        await refused(http, call, url=thief.url(), query={"q": "a-client-secret-value"})

        assert [request.path for request in thief.requests] == ["/my-own-project-1"]

    async def test_a_big_body_is_searched_to_its_end(
        self, http: HttpExecutor, own: HttpServer, thief: HttpServer
    ) -> None:
        """In a thread, where it would hold up the loop."""
        await refused(http, bound_to(own.origin), url=thief.url(), method="POST", body="x" * 3_000_000 + CANARY)

        assert thief.requests == []
