"""
Digests, signatures, tokens, password hashes and random names; the primitives are `hashlib`'s, PyJWT's and bcrypt's.

    text ──hash──► Digest, written in hex ──b64encode──► base64 of its bytes, as signatures are compared

Salts and UUIDs are drawn from the attempt's seed, so that an attempt that is executed again sends the same; ECDSA and
PSS signatures are random by nature. Nothing a library says about a key reaches a message. The registry in
`runner.expressions.library` is the only caller.
"""

import base64
import hashlib
import hmac
import uuid as uuids
import warnings
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from runner.errors import EvaluationError
from runner.expressions.bounds import Evaluation
from runner.expressions.library.arguments import mapping, octets, text, whole
from runner.expressions.library.dates import unix
from runner.expressions.library.function import Function, plain
from runner.expressions.nearest import suggestion
from runner.expressions.values import Digest, leave

ALGORITHMS: Final = (
    "md5",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "sha3_256",
    "sha3_384",
    "sha3_512",
    "blake2b",
    "blake2s",
)
JWT_ALGORITHMS: Final = (
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
_NUMERIC_DATES: Final = ("exp", "nbf", "iat", "auth_time", "updated_at")
_SIGNATURE_STEPS: Final = 2_000
_STEPS_A_BCRYPT_ROUND: Final = 24
"""Of 2**rounds: four hashes of 10 rounds, or one of 12 (some 250 ms), fit into one evaluation."""
_BCRYPT_ALPHABET: Final = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
)


def digest(evaluation: Evaluation, value: Any, algorithm: Any = "sha256") -> Digest:
    """The digest of text's UTF-8 or of bytes: written in hex, `| b64encode` takes its bytes."""
    raw = octets(value)
    evaluation.read(len(raw))
    evaluation.special = True
    return Digest.of(hashlib.new(_algorithm(algorithm), raw, usedforsecurity=False).digest())


def signature(evaluation: Evaluation, value: Any, key: Any, algorithm: Any = "sha256") -> Digest:
    """The HMAC under `key` (text, bytes or a digest): written in hex, `| b64encode` takes its bytes."""
    raw = octets(value)
    evaluation.read(len(raw))
    evaluation.special = True
    secret = key.raw if isinstance(key, Digest) else octets(key, "key")
    return Digest.of(hmac.digest(secret, raw, _algorithm(algorithm)))


def jwt(evaluation: Evaluation, value: Any, key: Any, algorithm: Any = "HS256", headers: Any = None) -> str:
    """
    The claims as a signed token; `key` is text, or PEM for RS, PS, ES and EdDSA. Dates in `exp`, `nbf`, `iat` become
    seconds.
    """
    claims = mapping(value)
    name = text(algorithm, "algorithm")
    if name not in JWT_ALGORITHMS:
        raise EvaluationError(
            f"does not know this `algorithm`{suggestion(name, JWT_ALGORITHMS)} (known: {', '.join(JWT_ALGORITHMS)})"
        )
    evaluation.step(_SIGNATURE_STEPS)
    evaluation.room(evaluation.weigh(claims) * 2)
    payload = {key: _claim(evaluation, key, item) for key, item in claims.items()}
    secret = key.raw if isinstance(key, Digest) else octets(key, "key")
    return _signed(payload, secret, name, None if headers is None else mapping(headers, "headers"))


def bcrypt(evaluation: Evaluation, value: Any, rounds: Any = 10) -> str:
    """The password hash `$2b$…` of a text of at most 72 bytes; `rounds` from 4 to 12."""
    import bcrypt as library  # noqa: PLC0415  only workflows that hash passwords pay for it

    password = octets(value)
    cost = whole(rounds, "rounds", least=4, most=12)
    evaluation.step(2**cost * _STEPS_A_BCRYPT_ROUND)
    salt = base64.b64encode(evaluation.random(16)).rstrip(b"=").translate(_BCRYPT_ALPHABET)
    try:
        return library.hashpw(password, b"$2b$%02d$%s" % (cost, salt)).decode()
    except ValueError:
        raise EvaluationError("takes a password of at most 72 bytes without NUL; hash a longer one first") from None


def uuid(evaluation: Evaluation) -> str:
    """A random UUID (version 4), the same when the attempt is executed again."""
    return str(uuids.UUID(bytes=evaluation.random(16), version=4))


def _algorithm(name: Any) -> str:
    written = text(name, "algorithm").replace("-", "").lower()
    if written not in ALGORITHMS:
        raise EvaluationError(f"does not know this `algorithm` (known: {', '.join(ALGORITHMS)})")
    return written


def _claim(evaluation: Evaluation, name: str, value: Any) -> Any:
    return int(unix(evaluation, value)) if name in _NUMERIC_DATES and isinstance(value, datetime) else leave(value)


def _signed(payload: dict[str, Any], key: bytes, algorithm: str, headers: dict[str, Any] | None) -> str:
    import jwt as library  # noqa: PLC0415  100 ms to import; only workflows that sign tokens pay for it
    from jwt.warnings import InsecureKeyLengthWarning  # noqa: PLC0415  as above

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureKeyLengthWarning)
            return library.encode(payload, key, algorithm, headers=headers)
    except (library.PyJWTError, ValueError, TypeError, NotImplementedError):
        shape = (
            "text that is not empty" if algorithm.startswith("HS") else f"a private key in PEM that fits {algorithm}"
        )
        raise EvaluationError(
            f"needs a `key` that is {shape}, and claims that are JSON (`iss` text, `exp` a date or seconds)"
        ) from None


FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType({"uuid": plain(uuid)})
FILTERS: Final[Mapping[str, Function]] = MappingProxyType(
    {"hash": plain(digest), "hmac": plain(signature), "jwt": plain(jwt), "bcrypt": plain(bcrypt)}
)
