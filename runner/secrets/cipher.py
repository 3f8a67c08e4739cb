"""
How bytes are kept: AES-256-GCM with everything that must not be exchanged bound to them.

    value ──seal(data key)──► sealed value          Bound: format, vault, secret, name, version, purpose, policy
    data key ──seal(wrapping key)──► wrapped key    a blob: format byte │ nonce (12) │ ciphertext and tag

`runner.secrets.vault` and `runner.secrets.sealer` use it. Pure functions over bytes; no primitive of our own.
"""

import hashlib
import hmac
import secrets as random
from collections.abc import Iterable
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT: Final = b"\x01"
_NONCE: Final = 12


class Bound(NamedTuple):
    """What a sealed value belongs to; opened under anything else it is refused. `policy` is the policy's SHA-256."""

    vault: bytes
    secret: bytes
    name: str
    version: int
    purpose: str
    policy: bytes

    def encoded(self) -> bytes:
        """Each part with its length before it, so that no two of them can be read alike."""
        return packed(
            FORMAT,
            self.vault,
            self.secret,
            self.name.encode(),
            str(self.version).encode(),
            self.purpose.encode(),
            self.policy,
        )


def new_key() -> bytes:
    """256 random bits."""
    return random.token_bytes(32)


def seal(key: bytes, data: bytes, bound: bytes) -> bytes:
    """Encrypted and authenticated together with `bound`, under a random nonce."""
    nonce = random.token_bytes(_NONCE)
    return FORMAT + nonce + AESGCM(key).encrypt(nonce, data, bound)


def unseal(key: bytes, blob: bytes, bound: bytes) -> bytes:
    """What was sealed. Raises ValueError where key, bytes or binding are not the same."""
    if blob[:1] != FORMAT:
        raise ValueError("format")
    try:
        return AESGCM(key).decrypt(blob[1 : 1 + _NONCE], blob[1 + _NONCE :], bound)
    except InvalidTag:
        raise ValueError("tag") from None


def mac(key: bytes, parts: Iterable[bytes]) -> bytes:
    """HMAC-SHA256 over the parts, each with its length before it."""
    return hmac.digest(key, packed(*parts), "sha256")


def same(one: bytes, other: bytes) -> bool:
    """Equality in constant time."""
    return hmac.compare_digest(one, other)


def digest(*parts: bytes) -> bytes:
    """SHA-256 over the parts, each with its length before it."""
    return hashlib.sha256(packed(*parts)).digest()


def packed(*parts: bytes) -> bytes:
    """The parts as one byte string that only they can give."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)
