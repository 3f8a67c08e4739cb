"""
The audit log: what was done, row after row, so that nobody changes an earlier row unseen.

    AuditEntry ──append──► AuditRow: digest over the row and the digest before it, MAC under this row's key
                           key ──HKDF──► the next row's key, sealed in the manifest; this one is gone
    rows ──check──► the first that was changed, exchanged, put in or taken out, by its number

The manifest holds the last row's numbers, so that a tail that was cut is seen by whoever has the master key. Whoever
has it can write a chain of digests of his own; the MACs he cannot, since the keys of earlier rows were destroyed: only
the verification key, shown once and kept elsewhere, makes them again. `runner.secrets.content` appends, the command
line checks. Pure functions.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Literal, NamedTuple

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from runner.errors import UsageError, VaultTamperedError
from runner.secrets import bech32
from runner.secrets.cipher import digest, mac, new_key, packed, same, seal, unseal
from runner.secrets.rows import AuditHead, AuditRow

AuditAction = Literal[
    "make", "upgrade", "adopt", "set", "replace", "rollback", "delete", "prune", "policy", "widen", "narrow", "rotate",
    "refused", "resolve", "login", "login_failed", "logout", "token_made", "token_revoked", "backup", "restore",
    "audit_key", "accept", "password",
]  # fmt: skip
"""
What may stand in the log. `make`: the vault; `adopt`: the keys of an installation that had no vault before;
`audit_key`: the verification key of the rows from `first` on was shown; `accept`: a vault as it lay there.
"""

PREFIX: Final = "runner-audit-1-"
_KEY_SIZE: Final = 32
_NUMBER_SIZE: Final = 8
_LONGEST: Final = 500
"""Characters of a text in the log; actor and subject may come from outside."""

Detail = str | int | float | bool | None | Sequence[str]


class AuditEntry(NamedTuple):
    """What somebody did to what. `details` say more, and never hold a value of a secret."""

    action: AuditAction
    subject: str = ""
    actor: str = ""
    details: Mapping[str, Detail] = {}


class VerificationKey(NamedTuple):
    """The key of row `first`, from which those of all later rows follow."""

    first: int
    material: bytes

    def __repr__(self) -> str:
        return f"VerificationKey({self.first}, ****)"

    def text(self) -> str:
        """As it is shown once: `runner-audit-1-` and 70 characters, with a checksum."""
        return PREFIX + bech32.encode(PREFIX, self.first.to_bytes(_NUMBER_SIZE, "big") + self.material)


class Mark(NamedTuple):
    """A place in the log, as it is written down elsewhere: number and MAC of a row."""

    sequence: int
    mac: bytes

    def __str__(self) -> str:
        return f"{self.sequence}:{self.mac.hex()}"


def read_verification_key(text: str) -> VerificationKey:
    """The key from its text. Raises UsageError, which does not repeat it."""
    data = b""
    with suppress(ValueError):
        data = bech32.decode(PREFIX, text.strip().removeprefix(PREFIX))
    if len(data) != _NUMBER_SIZE + _KEY_SIZE:
        raise UsageError(f"the verification key is cut off or a character is wrong: expected {PREFIX}…")
    return VerificationKey(int.from_bytes(data[:_NUMBER_SIZE], "big"), data[_NUMBER_SIZE:])


def read_mark(text: str) -> Mark:
    """`SEQ:MAC` as `Mark` writes it. Raises UsageError."""
    number, _, code = text.strip().partition(":")
    try:
        found = Mark(int(number), bytes.fromhex(code))
    except ValueError:
        found = Mark(0, b"")
    if found.sequence < 1 or len(found.mac) != _KEY_SIZE:
        raise UsageError("the head of the audit log is written SEQ:MAC, as `runner secrets audit --verify` shows it")
    return found


def begin(sealing: bytes, vault: bytes, at: AuditHead) -> tuple[AuditHead, VerificationKey]:
    """A fresh key for the rows after `at`, sealed under the audit subkey, and the same to be shown once."""
    key = VerificationKey(at.sequence + 1, new_key())
    return msgspec.structs.replace(at, key=_sealed(sealing, vault, at.sequence, key.material)), key


def reseal(old: bytes, new: bytes, vault: bytes, at: AuditHead) -> AuditHead:
    """The next row's key under another audit subkey. Raises VaultTamperedError."""
    return msgspec.structs.replace(at, key=_sealed(new, vault, at.sequence, _unsealed(old, vault, at)))


def begins_key(row: AuditRow) -> bool:
    """Whether the rows after this one are under a fresh key."""
    return row.action == "audit_key" and first_of(row) == row.sequence + 1


def first_of(row: AuditRow) -> int | None:
    """The first row under the key that an `audit_key` row tells of."""
    with suppress(msgspec.MsgspecError):
        return msgspec.json.decode(row.details, type=_Shown).first
    return None


class _Shown(msgspec.Struct):
    first: int


def append(
    sealing: bytes, vault: bytes, at: AuditHead, entries: Iterable[AuditEntry], when: float
) -> tuple[AuditHead, tuple[AuditRow, ...]]:
    """The rows of these entries and where the log ends then. `when` in wall seconds. Raises VaultTamperedError."""
    key, rows, last = _unsealed(sealing, vault, at), [], at
    for entry in entries:
        row = AuditRow(
            last.sequence + 1,
            when,
            clean(entry.actor),
            entry.action,
            clean(entry.subject),
            _details(entry.details),
            b"",
            b"",
        )
        fingerprint = _digest(vault, last.digest, row)
        row = msgspec.structs.replace(row, digest=fingerprint, mac=_mac(key, last.mac, fingerprint))
        rows.append(row)
        key, last = evolved(key), AuditHead(row.sequence, row.digest, row.mac)
    return msgspec.structs.replace(last, key=_sealed(sealing, vault, last.sequence, key)), tuple(rows)


def evolved(key: bytes) -> bytes:
    """The key of the next row; this one's cannot be computed from it."""
    return HKDFExpand(SHA256(), _KEY_SIZE, b"runner audit, next row").derive(key)


def clean(text: str) -> str:
    """A text as the log takes it: Unicode, on one line, of a bounded length."""
    plain = text.encode("utf-8", "replace").decode()
    flat = "".join(character if character.isprintable() else " " for character in plain)
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"


def digest_is_right(vault: bytes, before: bytes, row: AuditRow) -> bool:
    """Whether the row is the one that was written after the row of that digest."""
    return same(row.digest, _digest(vault, before, row))


def mac_is_right(key: bytes, before: bytes, row: AuditRow) -> bool:
    """Whether the row's MAC was made under this key after the row of that MAC."""
    return same(row.mac, _mac(key, before, row.digest))


def _details(details: Mapping[str, Detail]) -> str:
    plain = {
        clean(name): clean(value)
        if isinstance(value, str)
        else [clean(each) for each in value]
        if isinstance(value, Sequence)
        else value
        for name, value in details.items()
    }
    return msgspec.json.encode(plain).decode()


def _digest(vault: bytes, before: bytes, row: AuditRow) -> bytes:
    said = (row.sequence, row.at, row.actor, row.action, row.subject, row.details)
    return digest(b"audit", vault, before, msgspec.msgpack.encode(said))


def _mac(key: bytes, before: bytes, fingerprint: bytes) -> bytes:
    return mac(key, (b"audit", before, fingerprint))


def _sealed(sealing: bytes, vault: bytes, sequence: int, key: bytes) -> bytes:
    return seal(sealing, key, _bound(vault, sequence))


def _unsealed(sealing: bytes, vault: bytes, at: AuditHead) -> bytes:
    try:
        return unseal(sealing, at.key, _bound(vault, at.sequence))
    except ValueError:
        raise VaultTamperedError(
            "The vault was changed by something that had no key: the audit log's key is not the next row's."
        ) from None


def _bound(vault: bytes, sequence: int) -> bytes:
    return packed(b"audit key", vault, str(sequence).encode())
