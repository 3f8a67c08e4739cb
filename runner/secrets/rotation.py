"""
Another master key: every value under a new data key, every key under the new one, in one transaction.

    Snapshot ──old keys──► values, ring, audit key ──new keys──► Change: head, all versions, ring, manifest

`runner.secrets.vault` carries it out. The ring's keys stay the same, so that sealed outputs open and idempotency keys
do not change; what is sealed from now on lies under a fresh one. Pure.
"""

import msgspec

from runner.secrets import audit, manifest, ring
from runner.secrets.audit import AuditEntry
from runner.secrets.cipher import new_key
from runner.secrets.content import Opener
from runner.secrets.rows import Change, Head, SecretRow, Snapshot, VersionRow


def rotated(old: Opener, new: Opener, head: Head, snapshot: Snapshot, *, by: str) -> Change:
    """All of the vault under the keys of `new`, whose head is `head`. Raises VaultTamperedError, VaultKeyError."""
    old.verify(snapshot)
    at = head.rotated_at or 0.0
    secrets = {row.id: row for row in snapshot.secrets}
    versions = tuple(_resealed(old, new, secrets[row.secret], row) for row in snapshot.versions)
    rows = ring.rewrapped(old.keys.wrapping, new.keys.wrapping, new.vault, snapshot.ring)
    rows += ring.added(new.keys.wrapping, new.vault, rows, "sealing", new_key(), at)
    entry = AuditEntry("rotate", "", by, {"secrets": len(secrets), "versions": len(versions)})
    end, logged = audit.append(old.keys.audit, old.vault, snapshot.manifest.audit, [entry], at)
    end = audit.reseal(old.keys.audit, new.keys.audit, new.vault, end)
    after = msgspec.structs.replace(snapshot, head=head, ring=rows, versions=versions)
    made = manifest.make(new.keys.manifest, snapshot.manifest.generation + 1, after, end)
    return Change(manifest=made, audit=logged, head=head, rewritten=versions, ring=rows)


def _resealed(old: Opener, new: Opener, secret: SecretRow, row: VersionRow) -> VersionRow:
    value, of = old.unseal(secret, row), msgspec.structs.replace(secret, policy=row.policy)
    return new.seal(of, row.version, value, at=row.created_at, by=row.created_by)
