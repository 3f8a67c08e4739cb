"""Requests and assertions that are signed: AWS, Google."""

import hashlib
import hmac
import sys
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote

import jwt
import msgspec
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from runner.errors import PermanentError
from runner.executors.http import HttpExecutor
from tests.conftest import OpenServer
from tests.integration.executors.http.world import CANARY, fetch, secret


def canonical(request: web.Request, body: bytes, signed: list[str]) -> str:
    """AWS's canonical request, from the bytes that arrived."""
    path, _, query = request.raw_path.partition("?")
    pairs = sorted(tuple(part.partition("=")[::2]) for part in query.split("&") if part)
    headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in signed)
    return "\n".join(
        [
            request.method,
            quote(path, safe="/~"),
            "&".join(f"{k}={v}" for k, v in pairs),
            headers,
            ";".join(signed),
            hashlib.sha256(body).hexdigest(),
        ]
    )


class TestAws:
    @pytest.mark.parametrize("token", [None, "session-token"])
    async def test_the_signature_is_what_the_specification_says(
        self, http: HttpExecutor, http_server: OpenServer, token: Any
    ) -> None:
        """Computed anew at the server from the bytes that arrived."""

        async def handler(request: web.Request) -> web.Response:
            kind, _, rest = request.headers["Authorization"].partition(" ")
            parts = dict(part.strip().split("=", 1) for part in rest.split(","))
            key_id, date, region, service, last = parts["Credential"].split("/")
            signed = parts["SignedHeaders"].split(";")
            text = canonical(request, await request.read(), signed)
            scope = f"{date}/{region}/{service}/{last}"
            to_sign = f"{kind}\n{request.headers['X-Amz-Date']}\n{scope}\n{hashlib.sha256(text.encode()).hexdigest()}"
            key = b"AWS4" + CANARY.encode()
            for part in (date, region, service, last):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            good = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest() == parts["Signature"]
            return web.json_response(
                {"good": good, "id": key_id, "signed": signed, "token": request.headers.get("X-Amz-Security-Token")}
            )

        server = await http_server(handler)
        auth = {
            "aws": {
                "access_key_id": "AKID",
                "secret_access_key": secret(),
                "region": "eu-west-3",
                "service": "execute-api",
            }
        }
        if token:
            auth["aws"]["session_token"] = token
        got = await fetch(
            http,
            url=server.url("/a/b c/é?z=1&a=2"),
            query={"sp ace": "x y+z/"},
            method="POST",
            body={"a": 1},
            auth=auth,
        )
        assert got["body"]["good"]
        assert (got["body"]["id"], got["body"]["token"]) == ("AKID", token)
        assert {"host", "x-amz-date", "content-type"} <= set(got["body"]["signed"])

    async def test_without_botocore_it_says_what_to_install(
        self, http: HttpExecutor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An extra that is missing is an error of the config with its cure."""
        monkeypatch.setitem(sys.modules, "botocore.auth", None)
        auth = {"aws": {"access_key_id": "AKID", "secret_access_key": secret(), "region": "r", "service": "s"}}
        with pytest.raises(PermanentError, match=r"pip install 'runnerd\[aws\]'") as caught:
            await fetch(http, url="http://127.0.0.1:9/", auth=auth)
        assert caught.value.kind == "config"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class TestGoogle:
    @pytest.mark.parametrize(
        "wanted", [{"scopes": ["s1", "s2"], "subject": "a@b.test"}, {"audience": "https://run.test"}]
    )
    @pytest.mark.parametrize("as_text", [True, False])
    async def test_a_signed_assertion_is_traded(
        self, http: HttpExecutor, http_server: OpenServer, key: rsa.RSAPrivateKey, wanted: Any, as_text: Any
    ) -> None:
        """The server verifies signature, issuer, audience and times; an audience gives an identity token."""

        async def handler(request: web.Request) -> web.Response:
            if request.path != "/token":
                return web.json_response({"given": request.headers["Authorization"]})
            form = dict(parse_qsl(await request.text()))
            assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            claims = jwt.decode(
                form["assertion"], key.public_key(), ["RS256"], audience=server.url("/token"), issuer="sa@p.test"
            )
            assert jwt.get_unverified_header(form["assertion"])["kid"] == "k1"
            assert datetime.fromtimestamp(claims["exp"], UTC) > datetime.now(UTC)
            named = "access_token" if claims.get("scope") == "s1 s2" and claims["sub"] == "a@b.test" else "id_token"
            assert named == "access_token" or claims["target_audience"] == "https://run.test"
            return web.json_response({named: f"{named}-0123456789", "expires_in": 3599})

        server = await http_server(handler)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        account = {
            "client_email": "sa@p.test",
            "private_key": pem,
            "private_key_id": "k1",
            "token_uri": server.url("/token"),
        }
        given = (
            secret(msgspec.json.encode(account).decode())
            if as_text
            else {name: secret(value) for name, value in account.items()}
        )
        for _ in range(2):
            got = await fetch(http, url=server.url("/r"), auth={"google": {"service_account": given, **wanted}})
        assert got["body"]["given"] == (
            "Bearer access_token-0123456789" if "scopes" in wanted else "Bearer id_token-0123456789"
        )
        assert [request.path for request in server.requests] == ["/token", "/r", "/r"]

    @pytest.mark.parametrize(
        ("google", "message"),
        [
            ({"service_account": "{", "scopes": ["s"]}, "expected the JSON of a key file"),
            ({"service_account": {"client_email": "x"}, "scopes": ["s"]}, "expected the JSON of a key file"),
            ({"service_account": {"client_email": "x", "private_key": CANARY}, "scopes": ["s"]}, "no RSA key in PEM"),
            ({"service_account": {}, "scopes": ["s"], "audience": "x"}, "expected one of scopes and audience"),
            ({"service_account": {}}, "expected one of scopes and audience"),
        ],
    )
    async def test_a_key_file_that_is_none(self, http: HttpExecutor, google: Any, message: str) -> None:
        """The message names the key of the config and never what stood in it."""
        with pytest.raises(PermanentError, match=message) as caught:
            await fetch(http, url="http://127.0.0.1:9/", auth={"google": google})
        assert caught.value.kind == "config"
        assert CANARY not in str(caught.value)
