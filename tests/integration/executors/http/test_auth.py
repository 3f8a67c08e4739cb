"""Every kind of authentication, against a server that verifies it."""

import hashlib
import hmac
import sys
from base64 import b64decode
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

import anyio
import jwt
import msgspec
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from runner.clock import SystemClock
from runner.errors import PermanentError, TemporaryError
from runner.executors.http import open_http
from runner.ports import ExecutorLimits
from tests.conftest import OpenServer
from tests.integration.executors.http.world import CANARY, FakeCall, config, fetch, secret
from tests.services.http_server import HttpServer, answer


class MovedClock(SystemClock):
    """The machine's clock, moved by `by` seconds."""

    by = 0.0

    def wall(self) -> float:
        return super().wall() + self.by


class TestHeaders:
    @pytest.mark.parametrize(
        ("auth", "header"),
        [
            ({"basic": {"username": "ü", "password": secret("p:w")}}, "Basic w7w6cDp3"),
            ({"bearer": secret("t0ken")}, "Bearer t0ken"),
        ],
    )
    async def test_basic_and_bearer(self, http, http_server: OpenServer, auth, header):
        """One header; the user's own Authorization would be another."""
        server = await http_server(answer({}))
        await fetch(http, url=server.url(), auth=auth)
        assert server.requests[0].headers["authorization"] == header

    async def test_a_401_is_an_error(self, http, http_server: OpenServer):
        """Asked once: trying again with the same header will not help."""
        server = await http_server(answer({}, status=401))
        with pytest.raises(PermanentError, match="answered 401"):
            await fetch(http, url=server.url(), auth={"bearer": "x"})
        assert len(server.requests) == 1


class TestDigest:
    @pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
    async def test_the_challenge_is_met(self, http, http_server: OpenServer, algorithm):
        """The server computes the answer itself; the body arrives with the second request."""
        digest = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

        def h(text: str) -> str:
            return digest(text.encode()).hexdigest()

        async def handler(request: web.Request) -> web.Response:
            given = request.headers.get("Authorization", "")
            challenge = f'Digest realm="r", nonce="n1", qop="auth", algorithm={algorithm}, opaque="o"'
            if not given.startswith("Digest "):
                return web.Response(status=401, headers=[("WWW-Authenticate", 'Basic realm="x"'), ("WWW-Authenticate", challenge)])
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

    async def test_a_challenge_that_cannot_be_met(self, http, http_server: OpenServer):
        """An unknown algorithm, and a 401 without a challenge, are errors."""
        odd = await http_server(answer({}, status=401, headers={"WWW-Authenticate": 'Digest realm="r", nonce="n", algorithm=WHIRLPOOL'}))
        auth = {"digest": {"username": "u", "password": "p"}}
        with pytest.raises(PermanentError, match="a digest challenge that cannot be met"):
            await fetch(http, url=odd.url(), auth=auth)
        with pytest.raises(PermanentError, match="answered 401$"):
            await fetch(http, url=(await http_server(answer({}, status=401))).url(), auth=auth)


class Issuer:
    """A token endpoint and a resource; counts what it hands out, and rotates refresh tokens where told."""

    def __init__(self, *, rotates: bool = False, life: int | None = 3600) -> None:
        self.issued = 0
        self.rotates = rotates
        self.life = life
        self.refresh = "refresh-0"
        self.good: set[str] = set()
        self.forms: list[dict[str, str]] = []
        self.basic: list[str] = []
        self.fails: tuple[int, dict] | None = None
        self.delay = 0.0

    async def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            return await self._token(request)
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return web.json_response({"echo": given, "n": self.issued}, status=200 if given in self.good else 401)

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl(await request.text()))
        self.forms.append(form)
        self.basic.append(request.headers.get("Authorization", ""))
        await anyio.sleep(self.delay)
        if self.fails is not None:
            return web.json_response(self.fails[1], status=self.fails[0])
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != self.refresh:
            return web.json_response({"error": "invalid_grant", "error_description": CANARY}, status=400)
        self.issued += 1
        token = f"access-{self.issued}-0123456789"
        self.good.add(token)
        answer = {"access_token": token, "token_type": "Bearer"}
        if self.life is not None:
            answer["expires_in"] = self.life
        if self.rotates:
            self.refresh = answer["refresh_token"] = f"refresh-{self.issued}"
        return web.json_response(answer)


def client(server: HttpServer, **more) -> dict:
    return {"oauth2": {"token_url": server.url("/token"), "client_id": "id:1", "client_secret": secret("s&cret"), **more}}


class TestOAuth2:
    async def test_client_credentials_are_traded_once(self, http, http_server: OpenServer):
        """The id and secret travel encoded in the header; the token is used until it expires."""
        issuer = Issuer()
        server = await http_server(issuer)
        auth = client(server, scope=["a", "b"], params={"audience": "x"})
        for _ in range(3):
            await fetch(http, url=server.url("/r"), auth=auth)
        assert issuer.issued == 1
        assert issuer.forms == [{"grant_type": "client_credentials", "scope": "a b", "audience": "x"}]
        assert b64decode(issuer.basic[0].removeprefix("Basic ")) == b"id%3A1:s%26cret"

    async def test_the_secret_may_travel_in_the_form(self, http, http_server: OpenServer):
        """`client_auth: body`."""
        issuer = Issuer()
        server = await http_server(issuer)
        await fetch(http, url=server.url("/r"), auth=client(server, client_auth="body"))
        assert issuer.forms == [{"grant_type": "client_credentials", "client_id": "id:1", "client_secret": "s&cret"}]
        assert issuer.basic == [""]

    async def test_a_hundred_attempts_at_once_fetch_one_token(self, http, http_server: OpenServer):
        """A single flight for each set of credentials; another client has its own."""
        issuer = Issuer()
        issuer.delay = 0.05
        server = await http_server(issuer)
        async with anyio.create_task_group() as group:
            for number in range(100):
                auth = client(server) if number else client(server, scope="other")
                group.start_soon(lambda auth=auth: fetch(http, url=server.url("/r"), auth=auth))
        assert issuer.issued == 2

    async def test_a_cancelled_attempt_does_not_hold_the_others_up(self, http, http_server: OpenServer):
        """The one that fetches may go; the next in line fetches."""
        issuer = Issuer()
        issuer.delay = 0.2
        server = await http_server(issuer)
        with anyio.move_on_after(0.05):
            await fetch(http, url=server.url("/r"), auth=client(server))
        issuer.delay = 0
        assert (await fetch(http, url=server.url("/r"), auth=client(server)))["status"] == 200

    async def test_an_expired_token_is_fetched_anew(self, http_server: OpenServer):
        """Half a minute before its end."""
        issuer = Issuer(life=100)
        server = await http_server(issuer)
        clock = MovedClock()
        async with open_http(ExecutorLimits(), clock=clock) as http:
            for by, issued in ((0, 1), (60, 1), (71, 2)):
                clock.by = by
                await fetch(http, url=server.url("/r"), auth=client(server))
                assert issuer.issued == issued

    async def test_a_refused_token_is_fetched_anew_once(self, http, http_server: OpenServer):
        """The attempt that saw 401 goes on with a new one; if that is refused too, the 401 stands."""
        issuer = Issuer()
        server = await http_server(issuer)
        await fetch(http, url=server.url("/r"), auth=client(server))
        issuer.good.clear()
        assert (await fetch(http, url=server.url("/r"), auth=client(server), method="POST"))["status"] == 200
        assert issuer.issued == 2
        dead = Issuer()
        dead.good = frozenset()  # type: ignore[assignment]  # whatever is added is refused
        dead.good = type("Never", (set,), {"add": lambda self, item: None})()
        server = await http_server(dead)
        with pytest.raises(PermanentError, match="answered 401"):
            await fetch(http, url=server.url("/r"), auth=client(server))
        assert dead.issued == 2

    async def test_a_rotated_refresh_token_is_kept(self, http, http_server: OpenServer):
        """The configured one starts the chain; each new access token is had by the last one given."""
        issuer = Issuer(rotates=True)
        server = await http_server(issuer)
        auth = client(server, refresh_token=secret("refresh-0"))
        for _ in range(3):
            await fetch(http, url=server.url("/r"), auth=auth)
            issuer.good.clear()
        assert [form["refresh_token"] for form in issuer.forms] == ["refresh-0", "refresh-1", "refresh-2"]

    async def test_a_rotation_survives_the_attempts_cancellation(self, http, http_server: OpenServer):
        """What the endpoint has rotated is kept although nobody waited for it any more."""
        issuer = Issuer(rotates=True)
        issuer.delay = 0.2
        server = await http_server(issuer)
        auth = client(server, refresh_token="refresh-0")
        with anyio.move_on_after(0.05):
            await fetch(http, url=server.url("/r"), auth=auth)
        assert issuer.issued == 1
        assert (await fetch(http, url=server.url("/r"), auth=auth))["status"] == 200
        assert issuer.issued == 1

    @pytest.mark.parametrize(
        ("fails", "family", "message"),
        [
            ((400, {"error": "invalid_client", "error_description": CANARY}), PermanentError, r"^auth.oauth2: POST 127.0.0.1:\d+ answered 400 \(invalid_client\)$"),
            ((400, {"error": CANARY}), PermanentError, r"^auth.oauth2: POST 127.0.0.1:\d+ answered 400$"),
            ((503, {}), TemporaryError, r"^auth.oauth2: POST 127.0.0.1:\d+ answered 503$"),
            ((200, {"token": CANARY}), PermanentError, "^auth.oauth2: its token endpoint answered without access_token$"),
            ((302, {}), PermanentError, "answered 302$"),
        ],
    )
    async def test_a_token_that_is_not_given(self, http, http_server: OpenServer, fails, family, message):
        """Nothing was sent to the resource, so the effect is none; what the endpoint said stays out but for known codes."""
        issuer = Issuer()
        issuer.fails = fails
        server = await http_server(issuer)
        with pytest.raises(family, match=message) as caught:
            await fetch(http, url=server.url("/r"), auth=client(server), method="POST")
        assert caught.value.effect == "none"
        assert CANARY not in repr(caught.value.facts) + str(caught.value)

    async def test_a_token_that_comes_back_is_labelled(self, http, http_server: OpenServer):
        """No vault knows it, so the answer's parts that hold it are secret."""
        server = await http_server(Issuer())
        result = await http.execute(config(url=server.url("/r"), auth=client(server)), FakeCall())
        assert set(result.labels) == {("body", "echo")}


def canonical(request: web.Request, body: bytes, signed: list[str]) -> str:
    """AWS's canonical request, from the bytes that arrived."""
    path, _, query = request.raw_path.partition("?")
    pairs = sorted(tuple(part.partition("=")[::2]) for part in query.split("&") if part)
    headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in signed)
    return "\n".join(
        [request.method, quote(path, safe="/~"), "&".join(f"{k}={v}" for k, v in pairs), headers, ";".join(signed), hashlib.sha256(body).hexdigest()]
    )


class TestAws:
    @pytest.mark.parametrize("token", [None, "session-token"])
    async def test_the_signature_is_what_the_specification_says(self, http, http_server: OpenServer, token):
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
            return web.json_response({"good": good, "id": key_id, "signed": signed, "token": request.headers.get("X-Amz-Security-Token")})

        server = await http_server(handler)
        auth = {"aws": {"access_key_id": "AKID", "secret_access_key": secret(), "region": "eu-west-3", "service": "execute-api"}}
        if token:
            auth["aws"]["session_token"] = token
        got = await fetch(
            http, url=server.url("/a/b c/é?z=1&a=2"), query={"sp ace": "x y+z/"}, method="POST", body={"a": 1}, auth=auth
        )
        assert got["body"]["good"]
        assert (got["body"]["id"], got["body"]["token"]) == ("AKID", token)
        assert {"host", "x-amz-date", "content-type"} <= set(got["body"]["signed"])

    async def test_without_botocore_it_says_what_to_install(self, http, monkeypatch):
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
    @pytest.mark.parametrize("wanted", [{"scopes": ["s1", "s2"], "subject": "a@b.test"}, {"audience": "https://run.test"}])
    @pytest.mark.parametrize("as_text", [True, False])
    async def test_a_signed_assertion_is_traded(self, http, http_server: OpenServer, key, wanted, as_text):
        """The server verifies signature, issuer, audience and times; an audience gives an identity token."""

        async def handler(request: web.Request) -> web.Response:
            if request.path != "/token":
                return web.json_response({"given": request.headers["Authorization"]})
            form = dict(parse_qsl(await request.text()))
            assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            claims = jwt.decode(form["assertion"], key.public_key(), ["RS256"], audience=server.url("/token"), issuer="sa@p.test")
            assert jwt.get_unverified_header(form["assertion"])["kid"] == "k1"
            assert datetime.fromtimestamp(claims["exp"], UTC) > datetime.now(UTC)
            named = "access_token" if claims.get("scope") == "s1 s2" and claims["sub"] == "a@b.test" else "id_token"
            assert named == "access_token" or claims["target_audience"] == "https://run.test"
            return web.json_response({named: f"{named}-0123456789", "expires_in": 3599})

        server = await http_server(handler)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
        account = {"client_email": "sa@p.test", "private_key": pem, "private_key_id": "k1", "token_uri": server.url("/token")}
        given = secret(msgspec.json.encode(account).decode()) if as_text else {name: secret(value) for name, value in account.items()}
        for _ in range(2):
            got = await fetch(http, url=server.url("/r"), auth={"google": {"service_account": given, **wanted}})
        assert got["body"]["given"] == ("Bearer access_token-0123456789" if "scopes" in wanted else "Bearer id_token-0123456789")
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
    async def test_a_key_file_that_is_none(self, http, google, message):
        """The message names the key of the config and never what stood in it."""
        with pytest.raises(PermanentError, match=message) as caught:
            await fetch(http, url="http://127.0.0.1:9/", auth={"google": google})
        assert caught.value.kind == "config"
        assert CANARY not in str(caught.value)
