"""
What a vault holds: rows verified and opened, and rows sealed for writing.

    Snapshot ──verify──► every value opened ──► Content        secret, value ──seal──► VersionRow
    Snapshot ──with_version, without──► Change: the rows to write and the manifest of what is there then

`runner.secrets.vault` uses one `Content` after the other; this module does no I/O and takes no locks. Only it holds
keys and values together.
"""

import secrets as random
from collections.abc import Mapping
from typing import Final, NamedTuple

from runner.errors import SecretMissingError, VaultTamperedError
from runner.secrets import manifest
from runner.secrets.cipher import Bound, digest, new_key, seal, unseal
from runner.secrets.keys import Keys
from runner.secrets.policy import EVERYTHING, Policy, decode
from runner.secrets.rows import Change, Manifest, SecretRow, Snapshot, TombstoneRow, VersionRow


class SecretInfo(NamedTuple):
    """What may be shown of a secret. Times in wall seconds since 1970 UTC; `versions` are kept ones, oldest first."""

    name: str
    version: int
    created_at: float
    updated_at: float
    versions: tuple[int, ...]
    policy: Policy = EVERYTHING


class Content(NamedTuple):
    """What the vault held at one generation. `every` are all versions by name, `values` those by their row's digest."""

    infos: Mapping[str, SecretInfo]
    current: Mapping[str, str]
    every: Mapping[str, tuple[str, ...]]
    values: Mapping[bytes, str]


NOTHING: Final = Content({}, {}, {}, {})


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
        )

    def with_version(self, snapshot: Snapshot, name: str, value: str, *, at: float, by: str) -> Change:
        """A new version of a secret, new or not; a name that was used before goes on counting. As `open` raises."""
        self._verify(snapshot)
        secret = _next(snapshot, name, at)
        version = self._seal(secret, value, at=at, by=by)
        after = Snapshot(
            snapshot.manifest,
            (*(row for row in snapshot.secrets if row.id != secret.id), secret),
            (*snapshot.versions, version),
            snapshot.tombstones,
        )
        return Change(manifest=self._next_manifest(after), secret=secret, version=version)

    def without(self, snapshot: Snapshot, name: str, *, at: float) -> Change:
        """The secret gone with all its versions. Raises SecretMissingError, VaultTamperedError."""
        self._verify(snapshot)
        secret = next((row for row in snapshot.secrets if row.name == name), None)
        if secret is None:
            raise SecretMissingError(f"There is no secret {name}.", name=name)
        last = max(row.version for row in snapshot.versions if row.secret == secret.id)
        tombstone = TombstoneRow(secret.id, name, last, at)
        after = Snapshot(
            snapshot.manifest,
            tuple(row for row in snapshot.secrets if row.id != secret.id),
            tuple(row for row in snapshot.versions if row.secret != secret.id),
            (*snapshot.tombstones, tombstone),
        )
        return Change(manifest=self._next_manifest(after), tombstone=tombstone)

    def first_manifest(self) -> Manifest:
        """The manifest of a vault that holds nothing."""
        return self._next_manifest(Snapshot(Manifest(0, b"", b"")))

    def _verify(self, snapshot: Snapshot) -> None:
        manifest.verify(self.keys.manifest, self.vault, snapshot)

    def _next_manifest(self, after: Snapshot) -> Manifest:
        return manifest.make(self.keys.manifest, self.vault, after.manifest.generation + 1, after)

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
