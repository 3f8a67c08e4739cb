"""What is secret by its name or by its looks."""

import json
import time
from typing import Any

import pytest

from runner.redaction import FAILED, Redactor
from runner.redaction.known import is_secret_header, is_secret_key, may_hold, secret_paths
from runner.redaction.tokens import PATTERNS, holds_token

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA0000\nabcdefgh\n-----END RSA PRIVATE KEY-----"
TOKENS = {
    "AWS key": "AKIAIOSFODNN7EXAMPLE",
    "GitHub token": "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "GitLab token": "glpat-0123456789abcdefghij",
    "Slack token": "xoxb-" + "0123456789-abcdef",
    "Google key": "AIza" + "0123456789abcdefghijABCDEFGHIJ01234",
    "Google token": "ya29.a0AfB_0123456789abcdef",
    "Stripe key": "sk_live_" + "0123456789abcdefghijABCD",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP_mB92K27uhbUJU1p1r_wW1g",
    "private key": PEM,
}


class TestTokens:
    def test_each_kind_has_an_example(self) -> None:
        """So that a new one without an example fails here."""
        assert set(TOKENS) == {token.name for token in PATTERNS}

    @pytest.mark.parametrize("name", TOKENS)
    def test_a_known_token_is_masked_whoever_it_belongs_to(self, name: str) -> None:
        """In a text, in JSON within a text, in a URL; in the run as in the log; and the mask stays."""
        redactor = Redactor()
        token = TOKENS[name]

        for door in (redactor, redactor.child()):
            assert door.text(f"it is {token}, you see") == f"it is [secret {name}], you see"
            assert door.text(f"it is [secret {name}]") == f"it is [secret {name}]"
            assert door.value({"a": [token]}) == {"a": [f"[secret {name}]"]}
            assert token[12:40] not in door.text(json.dumps({"k": token}))
        assert holds_token(f"<{token}>")

    @pytest.mark.parametrize(
        "text",
        ["AKIA and the others", "eyJ.eyJ.x", "ghp_short", "-----BEGIN CERTIFICATE-----\nMIIEowIBAAKCAQEA0000\n", "xAKIAIOSFODNN7EXAMPLE"],
    )  # fmt: skip
    def test_what_only_begins_like_one_stays(self, text: str) -> None:
        """Words, certificates, tokens within a longer word."""
        assert Redactor().text(text) is text
        assert not holds_token(text)

    @pytest.mark.parametrize("beginning", sorted({each.decode() for token in PATTERNS for each in token.beginnings}))
    def test_a_text_of_beginnings_takes_linear_time(self, beginning: str) -> None:
        """Eight times the text takes far less than 64 times as long."""
        redactor = Redactor()
        short, long = (min(_time(redactor, beginning * count) for _ in range(5)) for count in (1_000, 8_000))

        assert long < 32 * short
        assert redactor.text(beginning * 500) != FAILED

    @pytest.mark.parametrize("beginning", ["ghp_", "xoxb-", "glpat-", "ya29.", "sk_live_"])
    def test_a_token_is_masked_to_its_end(self, beginning: str) -> None:
        """However long it is."""
        assert Redactor().text(f"<{beginning}{'a1' * 3_000}>").count("a1") == 0


class TestNames:
    @pytest.mark.parametrize("name", ["Authorization", "Cookie", "set-cookie", "X-Api-Key", "X-Auth-Token", "X-Hub-Signature-256", "Proxy-Authorization"])  # fmt: skip
    def test_headers(self, name: str) -> None:
        """Whatever their case."""
        assert is_secret_header(name)
        assert not is_secret_header("X-Request-Id")

    @pytest.mark.parametrize("key", ["access_token", "refreshToken", "id_token", "client-secret", "PASSWORD", "private_key", "apiKey"])  # fmt: skip
    def test_keys(self, key: str) -> None:
        """Whatever stands between the words."""
        assert is_secret_key(key)
        assert not is_secret_key("token_type")

    def test_paths_lead_to_what_is_secret(self) -> None:
        """By key, and by what it looks like under any key; lists of texts, but not what describes."""
        value: Any = {
            "a": [{"password": "x"}, {"password": {"minimum": 8}}, {"password": ""}],
            "note": f"use {TOKENS['AWS key']}",
            "api_key": ["one", "two"],
            "plain": "text",
        }

        assert set(secret_paths(value)) == {("a", 0, "password"), ("note",), ("api_key",)}

    @pytest.mark.parametrize(
        ("body", "held"),
        [(b'{"Password": 1}', True), (b'{"pass\\u0077ord": 1}', True), (b'["AKIA"]', True), (b'{"id": 17}', False)],
    )
    def test_a_body_that_cannot_hold_any_is_not_walked(self, body: bytes, held: Any) -> None:
        """Told by its bytes."""
        assert may_hold(body) is held


def _time(redactor: Redactor, text: str) -> float:
    began = time.thread_time()
    redactor.text(text)
    return time.thread_time() - began
