"""Authentication that needs no third party, against a server that verifies it."""

import hashlib
from typing import Any

import pytest
from aiohttp import web

from runner.errors import PermanentError
from runner.executors.http import HttpExecutor
from tests.conftest import OpenServer
from tests.integration.executors.http.world import CANARY, fetch, secret
from tests.services.http_server import answer


class TestHeaders:
    @pytest.mark.parametrize(
        ("auth", "header"),
        [
            ({"basic": {"username": "ü", "password": secret("p:w")}}, "Basic w7w6cDp3"),
            ({"bearer": secret("t0ken")}, "Bearer t0ken"),
        ],
    )
    async def test_basic_and_bearer(self, http: HttpExecutor, http_server: OpenServer, auth: Any, header: Any) -> None:
        """One header; the user's own Authorization would be another."""
        server = await http_server(answer({}))
        await fetch(http, url=server.url(), auth=auth)
        assert server.requests[0].headers["authorization"] == header

    async def test_a_401_is_an_error(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """Asked once: trying again with the same header will not help."""
        server = await http_server(answer({}, status=401))
        with pytest.raises(PermanentError, match="answered 401"):
            await fetch(http, url=server.url(), auth={"bearer": "x"})
        assert len(server.requests) == 1


class TestDigest:
    @pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
    async def test_the_challenge_is_met(self, http: HttpExecutor, http_server: OpenServer, algorithm: Any) -> None:
        """The server computes the answer itself; the body arrives with the second request."""
        digest = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

        def h(text: str) -> str:
            return digest(text.encode()).hexdigest()

        async def handler(request: web.Request) -> web.Response:
            given = request.headers.get("Authorization", "")
            challenge = f'Digest realm="r", nonce="n1", qop="auth", algorithm={algorithm}, opaque="o"'
            if not given.startswith("Digest "):
                return web.Response(
                    status=401, headers=[("WWW-Authenticate", 'Basic realm="x"'), ("WWW-Authenticate", challenge)]
                )
            parts = dict(part.strip().split("=", 1) for part in given[7:].split(","))
            parts = {key: value.strip('"') for key, value in parts.items()}
            expected = h(
                f"{h('user:r:' + CANARY)}:n1:{parts['nc']}:{parts['cnonce']}:auth:{h(f'{request.method}:{request.raw_path}')}"
            )
            ok = parts["response"] == expected and parts["uri"] == request.raw_path
            return web.json_response({"ok": ok, "body": await request.text()}, status=200 if ok else 403)

        server = await http_server(handler)
        auth = {"digest": {"username": "user", "password": secret()}}
        got = await fetch(http, url=server.url("/a%20b?x=%2F"), method="POST", body="hello", auth=auth)
        assert got["body"] == {"ok": True, "body": "hello"}
        assert len(server.requests) == 2

    async def test_a_challenge_that_cannot_be_met(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """An unknown algorithm, and a 401 without a challenge, are errors."""
        odd = await http_server(
            answer({}, status=401, headers={"WWW-Authenticate": 'Digest realm="r", nonce="n", algorithm=WHIRLPOOL'})
        )
        auth = {"digest": {"username": "u", "password": "p"}}
        with pytest.raises(PermanentError, match="a digest challenge that cannot be met"):
            await fetch(http, url=odd.url(), auth=auth)
        with pytest.raises(PermanentError, match=r"answered 401$"):
            await fetch(http, url=(await http_server(answer({}, status=401))).url(), auth=auth)
