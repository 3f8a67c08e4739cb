"""
What a program or a browser shows to be let in: random texts, of which only a SHA-256 is kept.

    new_token() ──► runner_ + 43 characters (256 bits) + 6 of checksum; is_token() finds a typo without asking anybody
    new_session(), new_setup_token() ──► 43 characters

None is derived from anything, so that a plain hash keeps them safe. Pure but for randomness.
"""

import hashlib
import hmac
import secrets
import zlib
from typing import Final, Literal

Scope = Literal["read", "run", "secrets", "admin"]
"""`read` sees workflows and runs, `run` starts and ends them, `secrets` changes the vault, `admin` audit and tokens."""

SCOPES: Final[tuple[Scope, ...]] = ("read", "run", "secrets", "admin")

PREFIX: Final = "runner_"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_BYTES: Final = 32
_BODY: Final = 43
_CHECK: Final = 6


def new_token() -> str:
    """A token of the API: prefix, 256 random bits, checksum."""
    body = _spelled(int.from_bytes(secrets.token_bytes(_RANDOM_BYTES), "big"), _BODY)
    return PREFIX + body + _checksum(body)


def is_token(text: str) -> bool:
    """Whether a token can look so: its length and checksum are right."""
    body, check = text[len(PREFIX) : len(PREFIX) + _BODY], text[len(PREFIX) + _BODY :]
    return text.startswith(PREFIX) and text.isascii() and len(check) == _CHECK and check == _checksum(body)


def new_session() -> str:
    """What a browser's cookie holds: 256 random bits."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def new_setup_token() -> str:
    """What sets the first password, once: 256 random bits."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def digest(text: str) -> bytes:
    """What is kept of it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def form_token(session: str) -> str:
    """What a form of this session carries, so that no other site can send one: it tells nothing of the session."""
    return hmac.new(session.encode(), b"runner form", hashlib.sha256).hexdigest()


def _checksum(body: str) -> str:
    return _spelled(zlib.crc32(body.encode()), _CHECK)


def _spelled(number: int, length: int) -> str:
    letters = []
    for _ in range(length):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return "".join(reversed(letters))
