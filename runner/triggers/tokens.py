"""
Whether a JWT is valid, by PyJWT, with the algorithms that its key can have and no other.

    a text, at least 1 byte      HS256, HS384, HS512
    a PEM public key             RSA: RS…   EC: ES256 or ES384 by its curve   Ed25519: EdDSA
    a key of a JWKS              the same by its kind, never HS…

So `alg: none` never counts, and a public key is never taken as an HMAC secret. Pure: keys and time are given.
"""

import warnings
from collections.abc import Sequence
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from runner.definitions.triggers import Jwt

LEEWAY_SECONDS: Final = 30
MOST_BYTES: Final = 16_000
_LEAST_RSA_BITS: Final = 2048
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384"}


def shared_key(secret: str) -> tuple[Any, frozenset[str]]:
    """The key that a `secret` is, and its algorithms. Raises ValueError for one that can verify nothing."""
    if not secret.strip():
        raise ValueError("the secret is empty")
    if "-----BEGIN" not in secret:
        return secret.encode(), frozenset({"HS256", "HS384", "HS512"})
    try:
        key = load_pem_public_key(secret.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the secret is PEM, and no public key in it") from None
    return key, algorithms_of(key)


def algorithms_of(key: Any) -> frozenset[str]:
    """The algorithms that a public key can have; none for a kind that is not known."""
    if isinstance(key, RSAPublicKey) and key.key_size >= _LEAST_RSA_BITS:
        return frozenset({"RS256", "RS384", "RS512"})
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return frozenset({_CURVES[key.curve.name]})
    return frozenset({"EdDSA"}) if isinstance(key, Ed25519PublicKey) else frozenset()


def key_id(token: str) -> str | None:
    """The `kid` of a token's header, not verified. Raises ValueError for what is no JWT."""
    if len(token) > MOST_BYTES:
        raise ValueError(f"the token is longer than {MOST_BYTES} bytes")
    try:
        found = jwt.get_unverified_header(token).get("kid")
    except jwt.PyJWTError:
        raise ValueError("the token is no JWT") from None
    return found if isinstance(found, str) else None


def claims(token: str, keys: Sequence[tuple[Any, frozenset[str]]], config: Jwt) -> dict[str, Any]:
    """The claims of a token that one of `keys` has signed. Raises ValueError that says to the log what is wrong."""
    reason = "no key fits the token"
    for key, possible in keys:
        allowed = sorted(possible & set(config.algorithms) if config.algorithms else possible)
        if not allowed:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", jwt.warnings.InsecureKeyLengthWarning
                )  # the secret is its owner's choice
                found: dict[str, Any] = jwt.decode(
                    token,
                    key,
                    algorithms=allowed,
                    audience=config.audience,
                    issuer=config.issuer,
                    leeway=LEEWAY_SECONDS,
                    options={"verify_aud": config.audience is not None, "require": _required(config)},
                )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            reason = f"the token is refused: {type(error).__name__}"
        else:
            return found
    raise ValueError(reason)


def _required(config: Jwt) -> list[str]:
    return [name for name, wanted in (("aud", config.audience), ("iss", config.issuer)) if wanted is not None]
