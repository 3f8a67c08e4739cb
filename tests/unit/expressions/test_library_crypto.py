"""Tokens and password hashes as other systems check them; chance that can be repeated."""

import re
from collections.abc import Callable
from typing import Any

import bcrypt
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from runner.errors import EvaluationError
from runner.expressions.scope import MappingScope
from runner.expressions.template import compile_expression, compile_template

Compute = Callable[[str], Any]


class TestCrypto:
    def test_bcrypt_is_what_other_systems_check(self, compute: Compute) -> None:
        """And its cost is the one asked for."""
        made = compute("'correct horse' | bcrypt(rounds=5)")

        assert made.startswith("$2b$05$")
        assert bcrypt.checkpw(b"correct horse", made.encode())

    def test_each_bcrypt_has_a_salt_of_its_own(self, compute: Compute) -> None:
        """Two hashes of one password differ."""
        first, second = compute("['a', 'a'] | map('bcrypt', 4)")

        assert first != second

    @pytest.mark.parametrize("algorithm", ["HS256", "RS256", "PS384", "ES256", "EdDSA"])
    def test_a_token_is_what_others_verify(self, algorithm: str) -> None:
        """By text or by PEM; dates become seconds where the standard wants them."""
        private, public = _key_pair(algorithm)
        scope = MappingScope({"secret": {"K": private}}, now=4_000_000_000)
        text = f"{{'sub': 'a', 'exp': now() + duration('1h'), 'at': now()}} | jwt($secret.K, '{algorithm}', {{'kid': '7'}})"

        token = compile_expression(text).evaluate(scope).value

        assert jwt.decode(token, public, [algorithm]) == {
            "sub": "a",
            "exp": 4_000_003_600,
            "at": "2096-10-02T07:06:40.000Z",
        }
        assert jwt.get_unverified_header(token)["kid"] == "7"

    def test_a_key_is_never_in_the_error(self) -> None:
        """Whatever the library below says."""
        scope = MappingScope({"secret": {"K": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"}})

        for algorithm in ("HS256", "RS256", "ES256", "EdDSA"):
            with pytest.raises(EvaluationError, match="needs a `key`") as caught:
                compile_expression(f"{{}} | jwt($secret.K, '{algorithm}')").evaluate(scope)
            assert "c2VjcmV0" not in repr(caught.value)
            assert caught.value.__cause__ is None


class TestChance:
    def test_the_same_attempt_draws_the_same(self) -> None:
        """After a kill it sends the same identifiers again."""
        template = compile_expression("[uuid(), uuid(), now(), 'p' | bcrypt(4)]")

        one, other = (template.evaluate(MappingScope({}, now=5, seed=b"s")).value for _ in range(2))

        assert one == other
        assert one[0] != one[1]
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", one[0])

    def test_another_attempt_draws_others(self) -> None:
        """Another seed, another leaf or another place in a text."""
        template = compile_template({"a": "{{ uuid() }}", "b": "{{ uuid() }}", "c": "{{ uuid() }} {{ uuid() }}"})
        drawn = [template.evaluate(MappingScope({}, seed=seed)).value for seed in (b"1", b"2")]
        ids = [word for value in drawn for leaf in value.values() for word in leaf.split()]

        assert len(set(ids)) == 8


def _key_pair(algorithm: str) -> tuple[str, str]:
    if algorithm == "HS256":
        return "k" * 32, "k" * 32
    made: dict[str, Any] = {"RS": rsa, "PS": rsa, "ES": ec, "Ed": ed25519}
    module = made[algorithm[:2]]
    key = (
        module.generate_private_key(65537, 2048)
        if module is rsa
        else module.generate_private_key(ec.SECP256R1())
        if module is ec
        else module.Ed25519PrivateKey.generate()
    )
    encoding, text = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private.decode(), key.public_key().public_bytes(encoding, text).decode()
