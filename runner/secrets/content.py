"""
What a vault holds: rows verified and opened, and rows sealed for writing.

    Snapshot ──verify──► every value opened ──► Content        secret, value ──seal──► VersionRow
    Snapshot ──with_version, without──► Change: the rows to write, what the audit log says of them, the manifest

`runner.secrets.vault` uses one `Content` after the other; this module does no I/O and takes no locks. Only it holds
keys and values together.
"""

import secrets as random
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from runner.errors import SecretMissingError, VaultTamperedError
from runner.secrets import audit, manifest, ring
from runner.secrets.audit import AuditEntry, VerificationKey
from runner.secrets.cipher import Bound, digest, new_key, seal, unseal
from runner.secrets.keys import Keys
from runner.secrets.policy import EVERYTHING, Policy, decode
from runner.secrets.ring import Ring
from runner.secrets.rows import AuditHead, Change, Head, Manifest, SecretRow, Snapshot, TombstoneRow, VersionRow


class SecretInfo(NamedTuple):
    """What may be shown of a secret. Times in wall seconds since 1970 UTC; `versions` are kept ones, oldest first."""

    name: str
    version: int
    created_at: float
    updated_at: float
    versions: tuple[int, ...]
    policy: Policy = EVERYTHING


class Content(NamedTuple):
    """
    What the vault held at one generation.

    `every` are all versions by name, `values` those by their row's digest, `ring` the installation's own keys.
    """

    infos: Mapping[str, SecretInfo]
    current: Mapping[str, str]
    every: Mapping[str, tuple[str, ...]]
    values: Mapping[bytes, str]
    ring: Ring


NOTHING: Final = Content({}, {}, {}, {}, Ring({}, b""))


class Opener(NamedTuple):
    """The keys of one vault."""

    keys: Keys
    vault: bytes

    def open(self, snapshot: Snapshot, known: Content = NOTHING) -> Content:
        """
        Verify rows and open their values; those that `known` holds need no opening.

        Raises VaultTamperedError, which names the secret that was changed.
        """
        self._verify(snapshot)
        secrets = {row.id: row for row in snapshot.secrets}
        values: dict[bytes, str] = {}
        of: dict[bytes, dict[int, str]] = {}
        for row in snapshot.versions:
            fingerprint = manifest.digest_of(row)
            value = known.values.get(fingerprint)
            values[fingerprint] = self._unseal(secrets[row.secret], row) if value is None else value
            of.setdefault(row.secret, {})[row.version] = values[fingerprint]
        return Content(
            {
                row.name: SecretInfo(
                    row.name,
                    row.current,
                    row.created_at,
                    row.updated_at,
                    tuple(of[row.id]),
                    decode(row.name, row.policy),
                )
                for row in snapshot.secrets
            },
            {row.name: of[row.id][row.current] for row in snapshot.secrets},
            {row.name: tuple(of[row.id].values()) for row in snapshot.secrets},
            values,
            ring.opened(self.keys.wrapping, self.vault, snapshot.ring),
        )

    def with_version(self, snapshot: Snapshot, name: str, value: str, *, at: float, by: str) -> Change:
        """A new version of a secret, new or not; a name that was used before goes on counting. As `open` raises."""
        self._verify(snapshot)
        secret = _next(snapshot, name, at)
        version = self._seal(secret, value, at=at, by=by)
        after = msgspec.structs.replace(
            snapshot,
            secrets=(*(row for row in snapshot.secrets if row.id != secret.id), secret),
            versions=(*snapshot.versions, version),
        )
        is_new = all(row.id != secret.id for row in snapshot.secrets)
        entry = AuditEntry("set" if is_new else "replace", name, by, {"version": secret.current})
        return self._change(after, entry, at=at, secret=secret, version=version)

    def without(self, snapshot: Snapshot, name: str, *, at: float, by: str) -> Change:
        """The secret gone with all its versions. Raises SecretMissingError, VaultTamperedError."""
        self._verify(snapshot)
        secret = next((row for row in snapshot.secrets if row.name == name), None)
        if secret is None:
            raise SecretMissingError(f"There is no secret {name}.", name=name)
        last = max(row.version for row in snapshot.versions if row.secret == secret.id)
        tombstone = TombstoneRow(secret.id, name, last, at)
        after = msgspec.structs.replace(
            snapshot,
            secrets=tuple(row for row in snapshot.secrets if row.id != secret.id),
            versions=tuple(row for row in snapshot.versions if row.secret != secret.id),
            tombstones=(*snapshot.tombstones, tombstone),
        )
        return self._change(after, AuditEntry("delete", name, by, {"version": last}), at=at, tombstone=tombstone)

    def audited(self, snapshot: Snapshot, *entries: AuditEntry, at: float) -> Change:
        """Rows of the audit log and nothing else: the generation stays. Raises VaultTamperedError."""
        self._verify(snapshot)
        head, rows = audit.append(self.keys.audit, self.vault, snapshot.manifest.audit, entries, at)
        return Change(manifest=manifest.logged(self.keys.manifest, self.vault, snapshot.manifest, head), audit=rows)

    def adopted(self, snapshot: Snapshot, keys: Ring, *, at: float) -> Change:
        """The ring with the keys of an installation that had no vault. As `open` raises."""
        self._verify(snapshot)
        grown = ring.adopted(self.keys.wrapping, self.vault, snapshot.ring, keys, at)
        if not grown:
            return Change(manifest=snapshot.manifest)
        after = msgspec.structs.replace(snapshot, ring=snapshot.ring + grown)
        return self._change(after, AuditEntry("adopt", "runner.key"), at=at, ring=grown)

    def first(self, head: Head) -> tuple[Change, VerificationKey]:
        """What a new vault begins with."""
        empty = Snapshot(head, Manifest(0, b"", b""), ring.first(self.keys.wrapping, self.vault, head.created_at))
        return self._begun(empty, AuditEntry("make"), head.created_at)

    def upgraded(self, snapshot: Snapshot, *, at: float) -> tuple[Change, VerificationKey]:
        """A vault of format 1: its derived keys become those of the ring. As `open` raises."""
        self._verify(snapshot)
        rows = ring.first(self.keys.wrapping, self.vault, at, ring.of_keys(self.keys))
        after = msgspec.structs.replace(snapshot, ring=rows)
        return self._begun(after, AuditEntry("upgrade", "", "", {"from": 1, "to": 2}), at)

    def _begun(self, after: Snapshot, entry: AuditEntry, at: float) -> tuple[Change, VerificationKey]:
        head, key = audit.begin(self.keys.audit, self.vault, AuditHead())
        after = msgspec.structs.replace(after, manifest=msgspec.structs.replace(after.manifest, audit=head))
        return self._change(after, entry, at=at, ring=after.ring), key

    def _verify(self, snapshot: Snapshot) -> None:
        manifest.verify(self.keys.manifest, snapshot)

    def _change(self, after: Snapshot, *entries: AuditEntry, at: float, **rows: Any) -> Change:
        """The rows to write, those of the audit log, and the manifest of what is there then."""
        generation = after.manifest.generation + 1
        head, logged = audit.append(self.keys.audit, self.vault, after.manifest.audit, entries, at)
        made = manifest.make(self.keys.manifest, generation, after, head)
        return Change(manifest=made, audit=logged, **rows)

    def _seal(self, secret: SecretRow, value: str, *, at: float, by: str) -> VersionRow:
        key, number = new_key(), secret.current
        wrapped = seal(self.keys.wrapping, key, self._bound(secret, number, "data key"))
        sealed = seal(key, value.encode(), self._bound(secret, number, "value"))
        return VersionRow(secret.id, number, wrapped, sealed, at, by)

    def _unseal(self, secret: SecretRow, row: VersionRow) -> str:
        try:
            key = unseal(self.keys.wrapping, row.wrapped, self._bound(secret, row.version, "data key"))
            return unseal(key, row.sealed, self._bound(secret, row.version, "value")).decode()
        except ValueError:
            raise VaultTamperedError(
                f"The vault was changed by something that had no key: the secret {secret.name}, version {row.version}.",
                name=secret.name,
            ) from None

    def _bound(self, secret: SecretRow, version: int, purpose: str) -> bytes:
        policy = digest(secret.policy.encode())
        return Bound(self.vault, secret.id, secret.name, version, purpose, policy).encoded()


def _next(snapshot: Snapshot, name: str, at: float) -> SecretRow:
    row = next((row for row in snapshot.secrets if row.name == name), None)
    if row is not None:
        number = max(each.version for each in snapshot.versions if each.secret == row.id) + 1
        return SecretRow(row.id, name, number, row.policy, row.created_at, at)
    before = max((each.version for each in snapshot.tombstones if each.name == name), default=0)
    return SecretRow(random.token_bytes(16), name, before + 1, EVERYTHING.encode(), at, at)
