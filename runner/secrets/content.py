"""
What a vault holds: rows verified and opened, and rows sealed for writing.

    Snapshot ──verify──► Content, values sealed until asked for        secret, value ──seal──► VersionRow
    rows after a change ──change──► Change: what is written, what the audit log says of it, the manifest

`runner.secrets.vault` uses one `Content` after the other, `runner.secrets.changes` decides what changes; this module
does no I/O and takes no locks. Only it holds keys and values together.
"""

from collections.abc import Container, Iterable, Mapping
from functools import partial
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from runner.errors import VaultKeyError, VaultTamperedError
from runner.secrets import audit, manifest, opened, ring
from runner.secrets.audit import AuditEntry, VerificationKey
from runner.secrets.cipher import Bound, digest, new_key, seal, unseal
from runner.secrets.head import opens, rotated
from runner.secrets.keys import Keys
from runner.secrets.opened import Cell, Cells, Values
from runner.secrets.policy import EVERYTHING, Policy, decode, widens
from runner.secrets.ring import Ring
from runner.secrets.rows import AuditHead, Change, Head, Manifest, SecretRow, Snapshot, VersionRow

T = TypeVar("T")


class VersionInfo(NamedTuple):
    """
    What may be shown of a version. `given_for_less`: the hosts and workflows that today's policy allows and this one's
    did not, for which it cannot be made current again.
    """

    version: int
    created_at: float
    created_by: str
    is_current: bool
    given_for_less: tuple[str, ...]


class SecretInfo(NamedTuple):
    """
    What may be shown of a secret. Times in wall seconds since 1970 UTC; `history` are the kept versions, oldest first.
    """

    name: str
    version: int
    created_at: float
    updated_at: float
    history: tuple[VersionInfo, ...]
    policy: Policy = EVERYTHING

    @property
    def versions(self) -> tuple[int, ...]:
        """The numbers of the kept versions, oldest first."""
        return tuple(each.version for each in self.history)

    @property
    def value_set_at(self) -> float:
        """When the current version was set."""
        return next(each.created_at for each in self.history if each.is_current)


class Content(NamedTuple):
    """
    What the vault held at one generation.

    `every` are all versions by name; both mappings open a value of `cells` when it is asked for. `ring` are the
    installation's own keys, `entries` what the manifest said.
    """

    infos: Mapping[str, SecretInfo]
    current: Mapping[str, str]
    every: Mapping[str, tuple[str, ...]]
    cells: Mapping[str, Cells]
    ring: Ring
    entries: frozenset[manifest.Entry] = frozenset()


_MANY: Final = 100
"""Changed secrets from which on reading all is quicker."""

NOTHING: Final = Content({}, {}, {}, {}, Ring({}, b""))


class Opener(NamedTuple):
    """The keys of one vault."""

    keys: Keys
    vault: bytes

    def open(self, snapshot: Snapshot, known: Content = NOTHING) -> Content:
        """
        Verify rows, so that their values can be opened; those that `known` holds are kept as they are.

        Raises VaultTamperedError, which names the secret that was changed.
        """
        self.verify(snapshot)
        gone = known.infos.keys() if snapshot.only is None else snapshot.only
        infos, cells = _without(known.infos, gone), _without(known.cells, gone)
        rows = {secret: list(each) for secret, each in groupby(snapshot.versions, lambda row: row.secret)}
        for secret in snapshot.secrets:
            before = known.cells[secret.name].versions if secret.name in known.cells else {}
            versions, current = {}, None
            for row in rows[secret.id]:
                versions[row.wrapped] = cell = before.get(row.wrapped) or Cell(partial(self.unseal, secret, row))
                current = cell if row.version == secret.current else current
            assert current is not None
            infos[secret.name] = _info(secret, rows[secret.id])
            cells[secret.name] = Cells(current, versions)
        said = manifest.entries(snapshot.manifest)
        own = ring.opened(self.keys.wrapping, self.vault, snapshot.ring)
        return Content(infos, Values(cells, opened.current), Values(cells, opened.every), cells, own, said)

    def changed(self, said: Manifest, known: Content) -> frozenset[str] | None:
        """The names of which rows have to be read, after a change, to `open` them over `known`; None for all."""
        names = frozenset(entry.name for entry in manifest.entries(said) ^ known.entries)
        return None if len(names) > _MANY or not known.entries else names

    def audited(self, snapshot: Snapshot, *entries: AuditEntry, at: float) -> Change:
        """Rows of the audit log and nothing else: the generation stays. Raises VaultTamperedError."""
        self.verify(snapshot)
        head, rows = audit.append(self.keys.audit, self.vault, snapshot.manifest.audit, entries, at)
        return Change(manifest=manifest.logged(self.keys.manifest, self.vault, snapshot.manifest, head), audit=rows)

    def rekeyed(self, snapshot: Snapshot, *, by: str, at: float) -> tuple[Change, VerificationKey]:
        """A row that tells of a fresh key for the audit log, and the key of the rows after it. As `audited` raises."""
        entry = AuditEntry("audit_key", "", by, {"first": snapshot.manifest.audit.sequence + 2})
        change = self.audited(snapshot, entry, at=at)
        head, key = audit.begin(self.keys.audit, self.vault, change.manifest.audit)
        made = manifest.logged(self.keys.manifest, self.vault, change.manifest, head)
        return msgspec.structs.replace(change, manifest=made), key

    def adopted(self, snapshot: Snapshot, keys: Ring, *, at: float) -> Change:
        """The ring with the keys of an installation that had no vault. As `open` raises."""
        self.verify(snapshot)
        grown = ring.adopted(self.keys.wrapping, self.vault, snapshot.ring, keys, at)
        if not grown:
            return Change(manifest=snapshot.manifest)
        after = msgspec.structs.replace(snapshot, ring=snapshot.ring + grown)
        return self.change(after, AuditEntry("adopt", "runner.key"), at=at, ring=grown)

    def first(self, head: Head) -> tuple[Change, VerificationKey]:
        """What a new vault begins with."""
        empty = Snapshot(head, Manifest(0, b"", b""), ring.first(self.keys.wrapping, self.vault, head.created_at))
        return self._begun(empty, AuditEntry("make"), head.created_at)

    def upgraded(self, snapshot: Snapshot, *, at: float) -> tuple[Change, VerificationKey]:
        """A vault of format 1: its derived keys become those of the ring. As `open` raises."""
        self.verify(snapshot)
        rows = ring.first(self.keys.wrapping, self.vault, at, ring.of_keys(self.keys))
        after = msgspec.structs.replace(snapshot, ring=rows)
        return self._begun(after, AuditEntry("upgrade", "", "", {"from": 1, "to": 2}), at)

    def _begun(self, after: Snapshot, entry: AuditEntry, at: float) -> tuple[Change, VerificationKey]:
        head, key = audit.begin(self.keys.audit, self.vault, AuditHead())
        after = msgspec.structs.replace(after, manifest=msgspec.structs.replace(after.manifest, audit=head))
        return self.change(after, entry, at=at, ring=after.ring), key

    def verify(self, snapshot: Snapshot) -> None:
        """
        Raises VaultTamperedError, which names what is not as the manifest says, and VaultKeyError where the master key
        was rotated meanwhile.
        """
        if not opens(self.keys, snapshot.head):
            raise VaultKeyError(f"The vault has another master key by now: start anew with it.{rotated(snapshot.head)}")
        manifest.verify(self.keys.manifest, snapshot)

    def change(self, after: Snapshot, *entries: AuditEntry, at: float, **rows: Any) -> Change:
        """The rows to write, those of the audit log, and the manifest of what is there then."""
        generation = after.manifest.generation + 1
        head, logged = audit.append(self.keys.audit, self.vault, after.manifest.audit, entries, at)
        made = manifest.make(self.keys.manifest, generation, after, head)
        return Change(manifest=made, audit=logged, **rows)

    def seal(self, secret: SecretRow, number: int, value: str, *, at: float, by: str) -> VersionRow:
        """A value as a version of the secret, under a data key of its own, bound to the secret's policy."""
        key, policy = new_key(), secret.policy
        wrapped = seal(self.keys.wrapping, key, self._bound(secret, number, policy, "data key"))
        sealed = seal(key, value.encode(), self._bound(secret, number, policy, "value"))
        return VersionRow(secret.id, number, wrapped, sealed, at, by, policy)

    def bind(self, before: SecretRow, after: SecretRow, row: VersionRow) -> VersionRow:
        """A version of the secret as it was sealed anew, bound to the policy it has now. Raises VaultTamperedError."""
        return self.seal(after, row.version, self.unseal(before, row), at=row.created_at, by=row.created_by)

    def unseal(self, secret: SecretRow, row: VersionRow) -> str:
        """A version's value; the current one has to be bound to the secret's policy. Raises VaultTamperedError."""
        if row.version == secret.current and row.policy != secret.policy:
            raise _tampered(secret, row)
        try:
            key = unseal(self.keys.wrapping, row.wrapped, self._bound(secret, row.version, row.policy, "data key"))
            return unseal(key, row.sealed, self._bound(secret, row.version, row.policy, "value")).decode()
        except ValueError:
            raise _tampered(secret, row) from None

    def _bound(self, secret: SecretRow, version: int, policy: str, purpose: str) -> bytes:
        hashed = digest(policy.encode())
        return Bound(self.vault, secret.id, secret.name, version, purpose, hashed).encoded()


def _without(known: Mapping[str, T], gone: Container[str]) -> dict[str, T]:
    return {name: each for name, each in known.items() if name not in gone}


def _tampered(secret: SecretRow, row: VersionRow) -> VaultTamperedError:
    return VaultTamperedError(
        f"The vault was changed by something that had no key: the secret {secret.name}, version {row.version}.",
        name=secret.name,
    )


def _info(secret: SecretRow, versions: Iterable[VersionRow]) -> SecretInfo:
    policy = decode(secret.name, secret.policy)
    history = tuple(
        VersionInfo(
            row.version,
            row.created_at,
            row.created_by,
            row.version == secret.current,
            () if row.policy == secret.policy else tuple(widens(decode(secret.name, row.policy), policy)),
        )
        for row in versions
    )
    return SecretInfo(secret.name, secret.current, secret.created_at, secret.updated_at, history, policy)
