"""
From the master key to the keys that things are done with.

    runner-key-1-… ──Bech32──► 32 bytes ──HKDF, the vault's salt─────┐
    a passphrase   ──argon2id, the vault's salt and parameters───────┴──► Keys: one subkey a purpose

`runner.secrets.vault` derives the keys of a vault, `runner.secrets.sealer` those of an installation without one. Which
of the two kinds a text is never depends on the vault: the prefix decides.
"""

import contextlib
import re
import secrets as random
import unicodedata
from typing import Final, Literal, NamedTuple

import anyio.to_thread
import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from runner.errors import VaultKeyError
from runner.secrets import bech32

PREFIX: Final = "runner-key-1-"
SALT_SIZE: Final = 16
_KEY_SIZE: Final = 32
_SHORTEST: Final = 16
_FEWEST_CHARACTERS: Final = 6
_SAMPLE_WORDS: Final = re.compile(
    "qwertyuiop|asdfghjkl|abcdefghij|1234567890|12345678|placeholder|passphrase|characters|production|password|replace|"
    "default|example|insert|change|secure|secret|master|please|random|runner|strong|local|value|super|admin|bytes|chars|"
    "least|here|todo|this|your|long|must|test|with|key|the|dev|set|me|my"
)
"""What sample configurations are made of; a passphrase in which little else stands is refused."""


class MasterKey(NamedTuple):
    """What the person gave: 32 random bytes, or a passphrase in UTF-8."""

    kind: Literal["random", "passphrase"]
    material: bytes

    def __repr__(self) -> str:
        return f"MasterKey({self.kind}, ****)"


class Derivation(msgspec.Struct, frozen=True):
    """How a vault's keys come from its master key; lies in the vault in the open. `memory` in KiB."""

    kind: Literal["random", "passphrase"]
    memory: int = 65_536
    iterations: int = 3
    lanes: int = 4

    def is_sane(self) -> bool:
        """False for parameters that would take the machine's memory, or that no version ever wrote."""
        return 19_456 <= self.memory <= 1_048_576 and 1 <= self.iterations <= 20 and 1 <= self.lanes <= 16  # noqa: PLR2004  bounds


class Keys(NamedTuple):
    """One key a purpose, 32 bytes each; none can be computed from another."""

    wrapping: bytes
    manifest: bytes
    audit: bytes
    idempotency: bytes
    sealing: bytes

    def __repr__(self) -> str:
        return "Keys(****)"


def new_master_key() -> str:
    """A fresh random key as text: `runner-key-1-` and 58 characters."""
    return PREFIX + bech32.encode(PREFIX, random.token_bytes(_KEY_SIZE))


def parse(text: str) -> MasterKey:
    """
    A master key as it stands in the settings. A passphrase counts in Unicode's composed form (NFC).

    Raises VaultKeyError, in one sentence that does not repeat the text.
    """
    if not text:
        raise VaultKeyError("The master key is empty: set dashboard.master_key, or make one with `runner init`.")
    if text.strip().lower().startswith("runner-key-"):
        return MasterKey("random", _read_random(text.strip()))
    if len(text) < _SHORTEST:
        raise VaultKeyError(
            f"The master key is too short: expected one that `runner init` writes, or at least {_SHORTEST} characters."
        )
    if _is_weak(text):
        raise VaultKeyError("The master key is a sample or easy to guess: make one with `runner init`.")
    try:
        return MasterKey("passphrase", unicodedata.normalize("NFC", text).encode())
    except UnicodeEncodeError:
        raise VaultKeyError("The master key holds characters that are not Unicode text.") from None


async def derive(master: MasterKey, how: Derivation, salt: bytes) -> Keys:
    """The subkeys; a passphrase costs 0.2 s and 64 MiB in a thread. Raises VaultKeyError."""
    if master.kind != how.kind:
        raise VaultKeyError(
            f"The master key does not open this vault: the vault's is a {how.kind} one, this is a {master.kind} one."
        )
    if master.kind == "random":
        root = HKDF(SHA256(), _KEY_SIZE, salt, b"runner root").derive(master.material)
    else:
        root = await anyio.to_thread.run_sync(_stretch, master.material, how, salt)
    return Keys(
        *(HKDFExpand(SHA256(), _KEY_SIZE, b"runner " + purpose.encode()).derive(root) for purpose in Keys._fields)
    )


def _stretch(passphrase: bytes, how: Derivation, salt: bytes) -> bytes:
    hashing = Argon2id(salt=salt, length=_KEY_SIZE, iterations=how.iterations, lanes=how.lanes, memory_cost=how.memory)
    return hashing.derive(passphrase)


def _read_random(text: str) -> bytes:
    problem = "it is cut off, or a character of it is wrong"
    if not text.lower().startswith(PREFIX):
        problem = "it is of a kind that this version does not know"
    else:
        with contextlib.suppress(ValueError):
            material = bech32.decode(PREFIX, text[len(PREFIX) :])
            if len(material) == _KEY_SIZE:
                return material
    raise VaultKeyError(f"The master key is not one that `runner init` wrote: {problem}.")


def _is_weak(text: str) -> bool:
    plain = "".join(character for character in text.lower() if character.isalnum())
    return len(set(text)) < _FEWEST_CHARACTERS or text.isdigit() or len(_SAMPLE_WORDS.sub("", plain)) < _SHORTEST // 2
