"""Who may start a run: each kind of `auth` on real requests, what the log says, what the run sees, what a replay does."""

import base64
import hashlib
import hmac
import time
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conftest import OpenServer
from tests.integration.triggers.conftest import Port, Written

SECRET = "canary-token-9d1f7a"
KEY = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def guarded(auth: str, more: str = "") -> str:
    """A workflow behind `auth` that answers with what it sees."""
    return f"""
triggers: [{{type: http, config: {{path: /in, auth: {auth}, respond: result{more}}}}}]
actions: [{{id: a, type: set, config: {{auth: $trigger.auth, headers: $trigger.headers}}}}]
output: $action.a
"""


def encoded(text: str) -> str:
    """As Basic has it."""
    return "Basic " + base64.b64encode(text.encode()).decode()


async def status(port: Port, headers: Any = None, **more: Any) -> int:
    """Of a POST with these headers."""
    return (await port.post("/in", headers=headers, **more)).status_code


class TestBearerAndBasic:
    async def test_bearer(self, triggers: Written, capfd: pytest.CaptureFixture[str]) -> None:
        """The right token alone; no other learns why, the log says it; the header is not in `$trigger`."""
        async with triggers(environ={"IN_TOKEN": SECRET}, g=guarded("{bearer: $env.IN_TOKEN}")) as port:
            right = await port.post("/in", headers={"Authorization": f"bearer {SECRET}", "X-Other": "1"})
            wrong = await port.post("/in", headers={"Authorization": f"Bearer {SECRET}x"})
            twice = [("Authorization", f"Bearer {SECRET}"), ("Authorization", "Bearer x")]
            others = [None, {"Authorization": SECRET}, {"Authorization": encoded(f"a:{SECRET}")}, twice]
            statuses = [await status(port, headers) for headers in others]
            runs = len(await port.rows())

        assert right.status_code == 200
        assert right.json()["headers"]["x-other"] == "1"
        assert "authorization" not in right.json()["headers"]
        assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, "Bearer")
        assert "token" not in wrong.text
        assert statuses == [401] * 4
        assert runs == 1
        assert SECRET not in capfd.readouterr().err

    async def test_a_secret_that_was_replaced_counts_at_once(self, triggers: Written) -> None:
        """And an empty one lets nobody in; a missing one is the daemon's fault, not the caller's: 503."""
        async with triggers(g=guarded("{bearer: $secret.IN_TOKEN}")) as port:
            vault = port.service.vault
            assert vault is not None
            missing = await port.post("/in", headers={"Authorization": "Bearer x"})
            await vault.set("IN_TOKEN", "the first one")
            first = await status(port, {"Authorization": "Bearer the first one"})
            await vault.set("IN_TOKEN", "the second one")
            statuses = [
                await status(port, {"Authorization": f"Bearer the {which} one"}) for which in ("first", "second")
            ]

        assert (missing.status_code, first, statuses) == (503, 200, [401, 200])
        assert missing.headers["retry-after"]

    async def test_basic(self, triggers: Written) -> None:
        """User and password both; the user is `$trigger.auth.username`."""
        auth = "{basic: {username: ann, password: $env.IN_TOKEN}}"
        async with triggers(environ={"IN_TOKEN": SECRET}, g=guarded(auth)) as port:
            right = await port.post("/in", headers={"Authorization": encoded(f"ann:{SECRET}")})
            wrong = [encoded(f"bob:{SECRET}"), encoded("ann:x"), encoded("ann"), "Basic %%%", f"Bearer {SECRET}"]
            statuses = [await status(port, {"Authorization": each}) for each in wrong]

        assert (right.status_code, right.json()["auth"]) == (200, {"username": "ann"})
        assert statuses == [401] * 5


class TestSignatures:
    async def test_over_the_raw_bytes_and_before_the_body_is_read_as_json(self, triggers: Written) -> None:
        """A changed byte is 401, malformed JSON under a good signature 400."""
        auth = "{hmac: {header: X-Hub-Signature-256, secret: $env.IN_TOKEN, prefix: sha256=}}"
        async with triggers(environ={"IN_TOKEN": SECRET}, g=guarded(auth)) as port:

            async def sent(body: bytes, signed: bytes) -> int:
                digest = hmac.digest(SECRET.encode(), signed, "sha256").hex()
                headers = {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}
                return await status(port, headers, content=body)

            body = b'{"a" :  1}'
            assert await sent(body, body) == 200
            assert await sent(b'{"a":1}', body) == 401
            assert await sent(b'{"a"', b'{"a"') == 400
            assert await status(port, content=body) == 401
            assert len(await port.rows()) == 1

    async def test_a_replay_starts_nothing(self, triggers: Written, wall: float) -> None:
        """The same signed request again gets the first run's answer, after a restart as well; an old one is 401."""
        auth = (
            "{hmac: {header: X-Signature, secret: $env.IN_TOKEN, prefix: v0=, signed: 'v0:{timestamp}:{body}', "
            "timestamp_header: X-Time}}"
        )

        def signed(at: int) -> dict[str, str]:
            digest = hmac.new(SECRET.encode(), f"v0:{at}:x".encode(), hashlib.sha256).hexdigest()
            return {"X-Signature": f"v0={digest}", "X-Time": str(at), "Content-Type": "text/plain"}

        files = {"g": guarded(auth)}
        async with triggers(environ={"IN_TOKEN": SECRET}, **files) as port:
            answers = [await port.post("/in", content="x", headers=signed(int(wall))) for _ in range(3)]
            old = await status(port, signed(int(wall) - 400), content="x")
        async with triggers(environ={"IN_TOKEN": SECRET}, **files) as port:
            answers.append(await port.post("/in", content="x", headers=signed(int(wall))))
            answers.append(await port.post("/in?evaded=1", content="x", headers=signed(int(wall))))
            runs = len(await port.rows())

        assert [each.status_code for each in answers] == [200] * 5
        assert len({each.headers["runner-run"] for each in answers}) == 1
        assert (runs, old) == (1, 401)


class TestTokens:
    def good(self, **more: Any) -> dict[str, Any]:
        """Claims that are valid."""
        return {"sub": "ann", "aud": "runner", "iss": "us", "exp": int(time.time()) + 600} | more

    async def test_a_shared_secret(self, triggers: Written) -> None:
        """Its HMAC algorithms alone; audience, issuer and expiry as configured; claims are `$trigger.auth`."""
        secret = SECRET * 3
        auth = "{jwt: {secret: $env.IN_TOKEN, audience: runner, issuer: us}}"
        async with triggers(environ={"IN_TOKEN": secret}, g=guarded(auth)) as port:

            async def sent(token: str) -> int:
                return await status(port, {"Authorization": f"Bearer {token}"})

            right = await port.post(
                "/in", headers={"Authorization": f"Bearer {jwt.encode(self.good(), secret, 'HS256')}"}
            )
            assert (right.status_code, right.json()["auth"]["sub"]) == (200, "ann")
            refused = [
                jwt.encode(self.good(), "", "none"),
                jwt.encode(self.good(), "another key that is just long enough", "HS256"),
                jwt.encode(self.good(exp=int(time.time()) - 60), secret, "HS256"),
                jwt.encode(self.good(nbf=int(time.time()) + 600), secret, "HS256"),
                jwt.encode(self.good(aud="others"), secret, "HS256"),
                jwt.encode(self.good(iss="others"), secret, "HS256"),
                jwt.encode({"sub": "ann"}, secret, "HS256"),
                jwt.encode(self.good(), KEY, "RS256"),
                "a.b.c",
                "x" * 20_000,
            ]
            assert [await sent(token) for token in refused] == [401] * 10

    async def test_a_public_key_is_no_shared_secret(self, triggers: Written) -> None:
        """An HS256 token made with the text of the RSA key is refused, one that the key has signed is taken."""
        async with triggers(environ={"IN_TOKEN": PEM}, g=guarded("{jwt: {secret: $env.IN_TOKEN}}")) as port:
            header, claims = (
                base64.urlsafe_b64encode(part).rstrip(b"=")
                for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"ann"}')
            )
            for key in (PEM.encode(), PEM.strip().encode()):
                mac = base64.urlsafe_b64encode(hmac.digest(key, header + b"." + claims, "sha256")).rstrip(b"=")
                forged = b".".join((header, claims, mac)).decode()
                assert await status(port, {"Authorization": f"Bearer {forged}"}) == 401
            good = jwt.encode({"sub": "ann"}, KEY, "RS256")
            assert await status(port, {"Authorization": f"Bearer {good}"}) == 200

    async def test_keys_of_an_address(self, triggers: Written, http_server: OpenServer) -> None:
        """Fetched once, again for a kid that is new, and not again for every kid that somebody makes up."""
        keys = {"one": KEY}

        async def answer(_: web.Request) -> web.Response:
            listed = [
                {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}
                for kid, key in keys.items()
            ]
            return web.json_response({"keys": [*listed, {"kty": "oct", "k": "c2VjcmV0", "kid": "sym"}]})

        server = await http_server(answer)
        auth = f"{{jwt: {{jwks_url: '{server.url('/keys')}', audience: runner}}}}"
        async with triggers(g=guarded(auth)) as port:

            async def sent(key: Any, kid: str | None, algorithm: str = "RS256") -> int:
                headers = {} if kid is None else {"kid": kid}
                token = jwt.encode(self.good(), key, algorithm, headers=headers)
                return await status(port, {"Authorization": f"Bearer {token}"})

            assert await sent(KEY, "one") == 200
            assert await sent(KEY, None) == 200
            assert await sent(OTHER, "one") == 401
            assert await sent("secret of 32 bytes or more, so long", "sym", "HS256") == 401
            for n in range(5):
                assert await sent(OTHER, f"made-up-{n}") == 401
            assert len(server.requests) == 1

    async def test_an_address_that_does_not_answer(self, triggers: Written) -> None:
        """503: the caller may be right, and comes again."""
        async with triggers(g=guarded("{jwt: {jwks_url: 'http://127.0.0.1:9/keys'}}")) as port:
            token = jwt.encode(self.good(), KEY, "RS256")

            assert await status(port, {"Authorization": f"Bearer {token}"}) == 503
