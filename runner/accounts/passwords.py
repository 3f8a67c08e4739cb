"""
The administrator's password: what it has to be, its argon2id hash, and whether another one is the same.

    text ──check()──► text in Unicode's composed form ──hashed()──► PHC text with its own salt and parameters

A hash takes 64 MiB and some 0.2 s of a thread; `runner.accounts.accounts` makes one at a time.
"""

import os
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from runner.errors import AccessError

SHORTEST: Final = 12
LONGEST: Final = 1000
MEMORY_KIB: Final = 65_536
_FEWEST_CHARACTERS: Final = 5
_ITERATIONS: Final = 3
_LANES: Final = 4


def check(password: str) -> str:
    """The password as it counts. Raises AccessError (`password`), which says what is wrong and repeats nothing."""
    try:
        text = unicodedata.normalize("NFC", password)
        text.encode()
    except UnicodeEncodeError:
        raise AccessError("The password holds characters that are not Unicode text.", reason="password") from None
    if not SHORTEST <= len(text) <= LONGEST:
        raise AccessError(
            f"The password has {len(text)} characters: expected {SHORTEST} to {LONGEST}.", reason="password"
        )
    if len(set(text)) < _FEWEST_CHARACTERS:
        raise AccessError(
            f"The password is easy to guess: expected at least {_FEWEST_CHARACTERS} different characters.",
            reason="password",
        )
    return text


def hashed(password: str, memory_kib: int = MEMORY_KIB) -> str:
    """Its argon2id hash as PHC text; call it in a thread."""
    hashing = Argon2id(salt=os.urandom(16), length=32, iterations=_ITERATIONS, lanes=_LANES, memory_cost=memory_kib)
    return hashing.derive_phc_encoded(password.encode())


def is_right(password: str, phc: str) -> bool:
    """Whether it is the password of that hash; call it in a thread."""
    try:
        Argon2id.verify_phc_encoded(unicodedata.normalize("NFC", password).encode(), phc)
    except (InvalidKey, UnicodeEncodeError):
        return False
    return True
