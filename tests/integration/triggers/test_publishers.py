"""The README's triggers for GitHub, Stripe and Slack, word for word, on real requests; keys of tokens that are rotated."""

import hmac
import json
import re
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from runner.triggers import keys
from tests.conftest import OpenServer
from tests.integration.triggers.conftest import Written
from tests.unit.triggers.test_signature import (
    GITHUB_BODY,
    GITHUB_SECRET,
    GITHUB_SIGNATURE,
    SLACK_BODY,
    SLACK_SECRET,
    SLACK_SIGNATURE,
    SLACK_TIME,
)

README = Path(__file__).parents[3] / "README.md"
STRIPE_SECRET = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"


def hooks() -> str:
    """The block of the README that says how they sign."""
    (block,) = re.findall(r"How GitHub, Stripe and Slack sign.*?```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    return str(block)


def stripe(body: bytes, at: int, secret: str = STRIPE_SECRET) -> dict[str, str]:
    """What Stripe sends beside it."""
    digest = hmac.digest(secret.encode(), b"%d." % at + body, "sha256").hex()
    return {"Stripe-Signature": f"t={at},v1={digest}", "Content-Type": "application/json"}


class TestPublishers:
    async def test_github(self, triggers: Written) -> None:
        """The published example starts a run, its redelivery none; a byte more, a byte less, another key are 401."""
        headers = {
            "X-Hub-Signature-256": GITHUB_SIGNATURE, "X-GitHub-Delivery": "d-1", "Content-Type": "text/plain",
        }  # fmt: skip
        async with triggers(environ={"GITHUB_WEBHOOK": GITHUB_SECRET}, hooks=environed()) as port:
            first = await port.post("/hooks/github", content=GITHUB_BODY, headers=headers)
            again = await port.post("/hooks/github", content=GITHUB_BODY, headers=headers)
            refused = [
                (await port.post("/hooks/github", content=body, headers=headers)).status_code
                for body in (GITHUB_BODY + b"\n", GITHUB_BODY[:-1], GITHUB_BODY.replace(b"H", b"h"))
            ]
            output = (await port.ended(first)).state
            runs = len(await port.rows())

        assert (first.status_code, again.status_code, output) == (202, 202, "succeeded")
        assert first.json()["run"] == again.json()["run"]
        assert (refused, runs) == ([401] * 3, 1)

    async def test_stripe(self, triggers: Written) -> None:
        """Signed now it starts a run, replayed none; of six minutes ago, changed by a byte or with another key it is 401."""
        body, now = b'{"id": "evt_1", "object": "event"}', int(time.time())
        async with triggers(environ={"STRIPE_WEBHOOK": STRIPE_SECRET}, hooks=environed()) as port:
            taken = [await port.post("/hooks/stripe", content=body, headers=stripe(body, now)) for _ in range(2)]
            refused = [
                (await port.post("/hooks/stripe", content=sent, headers=headers)).status_code
                for sent, headers in (
                    (body, stripe(body, now - 360)),
                    (body.replace(b"1", b"2"), stripe(body, now)),
                    (body, stripe(body, now, "whsec_another")),
                )
            ]
            runs = len(await port.rows())

        assert {each.status_code for each in taken} == {202}
        assert len({each.json()["run"] for each in taken}) == 1
        assert (refused, runs) == ([401] * 3, 1)

    async def test_slack(self, triggers: Written) -> None:
        """The published example is years old, so it is 401; the same body signed now is a run, and its replay none."""
        now = int(time.time())
        fresh = "v0=" + hmac.digest(SLACK_SECRET.encode(), b"v0:%d:" % now + SLACK_BODY, "sha256").hex()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        async with triggers(environ={"SLACK_SIGNING": SLACK_SECRET}, hooks=environed()) as port:

            async def sent(signature: str, at: int) -> Any:
                headers = {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": str(at), **form}
                return await port.post("/hooks/slack", content=SLACK_BODY, headers=headers)

            old = [
                await sent(SLACK_SIGNATURE, SLACK_TIME),
                await sent(SLACK_SIGNATURE, now),
                await sent(fresh, now - 1),
            ]
            taken = [await sent(fresh, now) for _ in range(2)]
            row = await port.ended(taken[0])
            runs = len(await port.rows())

        assert [each.status_code for each in old] == [401] * 3
        assert len({each.json()["run"] for each in taken}) == 1
        assert json.loads(row.output or b"{}")["what"]["user_name"] == "roadrunner"
        assert runs == 1


def environed() -> str:
    """The same with secrets of the environment, so that a test needs no vault; what the run saw is its output."""
    return hooks().replace("$secret.", "$env.") + "output: $action.seen\n"


class TestRotatedKeys:
    async def test_the_new_key_counts_and_the_old_one_no_more(
        self, triggers: Written, http_server: OpenServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Both while both are listed, then the new one alone; while the address is down what was fetched goes on."""
        monkeypatch.setattr(keys, "AGAIN_SECONDS", 0.0)  # what a caller may bring about is tested elsewhere
        first, second, third = (rsa.generate_private_key(65537, 2048) for _ in range(3))
        listed: dict[str, Any] = {"first": first}
        is_down = False

        async def answer(_: web.Request) -> web.Response:
            found = [
                {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}
                for kid, key in listed.items()
            ]
            return web.json_response({"keys": found}, status=503 if is_down else 200)

        server = await http_server(answer)
        text = f"""
triggers: [{{type: http, config: {{path: /in, auth: {{jwt: {{jwks_url: '{server.url("/keys")}'}}}}}}}}]
actions: [{{id: a, type: set, config: 1}}]
"""
        async with triggers(g=text) as port:

            async def sent(key: Any, kid: str) -> int:
                claims = {"sub": "ann", "exp": int(time.time()) + 600}
                token = jwt.encode(claims, key, "RS256", headers={"kid": kid})
                return (await port.post("/in", headers={"Authorization": f"Bearer {token}"})).status_code

            assert [await sent(first, "first"), await sent(second, "second")] == [202, 401]
            listed["second"] = second
            assert [await sent(second, "second"), await sent(first, "first")] == [202, 202]
            del listed["first"]
            listed["third"] = third
            assert [await sent(third, "third"), await sent(second, "second"), await sent(first, "first")] == [
                202,
                202,
                401,
            ]
            is_down = True
            assert [await sent(first, "first"), await sent(second, "second")] == [401, 202]
