"""
The vault's rows as values, and what the vault asks of whoever keeps them.

    vault ──decide(Snapshot)──► Change ──► VaultRows: one transaction, or nothing

`runner.secrets.sqlite_rows` keeps them in a file. Whoever keeps them has no key: it sees names, dates and ciphertext.
Times are wall time in seconds since 1970 UTC.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec


class Stamp(NamedTuple):
    """Which file lies there and how often it was changed; the same stamp means the same content."""

    device: int
    inode: int
    generation: int


class Head(msgspec.Struct, frozen=True):
    """
    What a vault is. `derivation` is JSON of `runner.secrets.keys.Derivation`, `check` a sealed value.

    `rotated_at`: when its master key was rotated last, None where it never was.
    """

    vault: bytes
    derivation: str
    salt: bytes
    check: bytes
    created_at: float
    rotated_at: float | None = None


class SecretRow(msgspec.Struct, frozen=True):
    """A secret. `policy` is JSON: who may use it where, `{}` for everybody and everywhere."""

    id: bytes
    name: str
    current: int
    policy: str
    created_at: float
    updated_at: float


class VersionRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    A version: the data key under the wrapping key, the value under the data key. `policy` is what both are bound to:
    the secret's, or that of an older day, where today's is wider than the one that the value was given under.
    """

    secret: bytes
    version: int
    wrapped: bytes
    sealed: bytes
    created_at: float
    created_by: str
    policy: str = "{}"


class TombstoneRow(msgspec.Struct, frozen=True):
    """A secret that was deleted, and its last version."""

    secret: bytes
    name: str
    version: int
    deleted_at: float


class RingRow(msgspec.Struct, frozen=True):
    """One of the installation's own keys under the wrapping key; of a purpose the highest number is in use."""

    number: int
    purpose: str
    id: bytes
    wrapped: bytes
    created_at: float


class AuditRow(msgspec.Struct, frozen=True):
    """
    What was done: `details` is a JSON object without values.

    `digest` is a SHA-256 over the row and the digest before it, `mac` lies over it under a key that is gone by now.
    """

    sequence: int
    at: float
    actor: str
    action: str
    subject: str
    details: str
    digest: bytes
    mac: bytes


class AuditFilter(NamedTuple):
    """Which rows of the audit log; an empty text stands for all. Wall seconds, `until` not included."""

    action: str = ""
    subject: str = ""
    actor: str = ""
    since: float | None = None
    until: float | None = None
    before: int | None = None
    """Only rows with smaller numbers."""


class AuditHead(msgspec.Struct, frozen=True):
    """Where the audit log ends: the last row's numbers (0: there is none), and the sealed key of the next one."""

    sequence: int = 0
    digest: bytes = b""
    mac: bytes = b""
    key: bytes = b""


class Manifest(msgspec.Struct, frozen=True):
    """What the vault is said to hold and where its audit log ends, under a MAC."""

    generation: int
    content: bytes
    mac: bytes
    audit: AuditHead = AuditHead()


class Snapshot(msgspec.Struct, frozen=True):
    """
    The rows at one instant, but for the audit log's. `only`: of secrets and versions those of these names are there and
    no others; None for all of them.
    """

    head: Head
    manifest: Manifest
    ring: tuple[RingRow, ...] = ()
    secrets: tuple[SecretRow, ...] = ()
    versions: tuple[VersionRow, ...] = ()
    tombstones: tuple[TombstoneRow, ...] = ()
    only: frozenset[str] | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one transaction does: rows to write, a secret to remove with all its versions, and the manifest after it.

    `audit` are the rows that the log grows by. `rewritten` are versions sealed anew, `pruned` those that go, each by
    its secret's id and its number. `head` is a rotation's.
    """

    manifest: Manifest
    audit: tuple[AuditRow, ...] = ()
    secret: SecretRow | None = None
    version: VersionRow | None = None
    tombstone: TombstoneRow | None = None
    ring: tuple[RingRow, ...] = ()
    head: Head | None = None
    rewritten: tuple[VersionRow, ...] = ()
    pruned: tuple[tuple[bytes, int], ...] = ()


def everything(said: Manifest) -> frozenset[str] | None:  # noqa: ARG001  whatever it says
    """What `VaultRows.snapshot` picks by itself: the rows of all secrets."""
    return None


class VaultRows(Protocol):
    """Keeps the rows of one vault."""

    def stamp(self) -> Stamp:
        """Read without waiting: a few microseconds. Raises SecretError where the file is gone."""

    async def snapshot(self, pick: Callable[[Manifest], frozenset[str] | None] = everything) -> tuple[Stamp, Snapshot]:
        """
        Rows, and the stamp that they had: those of the names that `pick` (in a thread) finds in the manifest, None for
        all. Raises SecretError.
        """

    async def change(self, decide: Callable[[Snapshot], Change], only: frozenset[str] | None = None) -> Change:
        """
        One transaction of its own: read, decide (in a thread), write. What `decide` raises leaves all as it was.
        `only`: the names of which it has to see the rows, None for all.

        Raises SecretError where the rows cannot be written.
        """

    async def audit_rows(self) -> tuple[Manifest, tuple[AuditRow, ...]]:
        """The audit log, and the manifest of the same instant. Raises SecretError."""

    async def audit_page(self, wanted: AuditFilter, most: int) -> tuple[AuditRow, ...]:
        """Up to `most` rows of the audit log, newest first. Raises SecretError."""

    async def audit_tail(self, noted: int) -> tuple[Manifest, tuple[AuditRow, ...]]:
        """The same, but only the last two rows and the one of that number, oldest first. Raises SecretError."""

    async def erase(self) -> bool:
        """Try once to take what was deleted out of every file; False while somebody else still reads it."""
