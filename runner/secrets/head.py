"""
The head of a vault: how its keys come from the master key, and whether this is the right one.

    master key ──new_head──► Head, Keys          a new vault, or one whose master key is rotated
    Head, master key ──open_head──► Keys, or one sentence, before anything is written

`runner.secrets.vault` opens with it, `runner.secrets.rotation` makes the next one.
"""

import json
import secrets as random
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from runner.errors import VaultKeyError, VaultTamperedError
from runner.secrets.cipher import packed, seal, unseal
from runner.secrets.keys import SALT_SIZE, Derivation, Keys, MasterKey, derive
from runner.secrets.rows import Head

_CHECK: Final = b"this vault was opened with the right key"


async def new_head(master: MasterKey, at: float, *, of: Head | None = None) -> tuple[Head, Keys]:
    """A fresh salt and today's parameters, `of` the vault that there is already. `at` in wall seconds."""
    vault, salt = of.vault if of else random.token_bytes(16), random.token_bytes(SALT_SIZE)
    how = Derivation(master.kind)
    keys = await derive(master, how, salt)
    derivation = json.dumps(msgspec.to_builtins(how))
    check = seal(keys.wrapping, _CHECK, _bound(vault, derivation))
    return Head(vault, derivation, salt, check, of.created_at if of else at, at if of else None), keys


async def open_head(path: Path, head: Head, master: MasterKey) -> Keys:
    """The keys of the vault at `path`. Raises VaultKeyError, VaultTamperedError."""
    try:
        how = msgspec.json.decode(head.derivation, type=Derivation)
    except msgspec.MsgspecError:
        raise VaultTamperedError(f"The vault {path} does not say how its keys are made.") from None
    if not how.is_sane():
        raise VaultTamperedError(f"The vault {path} names key parameters that no version of Runner wrote.")
    try:
        keys = await derive(master, how, head.salt)
    except VaultKeyError as error:
        raise VaultKeyError(f"{error}{rotated(head)}") from None
    if not opens(keys, head):
        raise VaultKeyError(
            f"The master key does not open the vault {path}: it was made with another key.{rotated(head)}"
        )
    return keys


def opens(keys: Keys, head: Head) -> bool:
    """Whether these are the keys of the vault as it is now."""
    try:
        unseal(keys.wrapping, head.check, _bound(head.vault, head.derivation))
    except ValueError:
        return False
    return True


def rotated(head: Head) -> str:
    """What a wrong key is told besides: maybe it was the right one until then."""
    if head.rotated_at is None:
        return ""
    when = datetime.fromtimestamp(head.rotated_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f" Its master key was rotated on {when}: use the key that the rotation gave."


def _bound(vault: bytes, derivation: str) -> bytes:
    return packed(b"check", vault, derivation.encode())
