"""
What the vault holds, in one list under a MAC: nothing can be exchanged, moved back, removed or put back unseen.

    head, ring, secrets, versions, tombstones ──describe──► content ──MAC(vault, generation, content, audit)──► Manifest
    Snapshot ──verify──► nothing, or VaultTamperedError that names the secret
    of some secrets only ──► these are verified, what the manifest says of the others is carried on

The bound data of each row (`runner.secrets.cipher`) keeps rows from being exchanged; an old row is genuine, though, and
only the manifest knows that it is old. `runner.secrets.vault` writes it with every change. Pure functions.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Final, NamedTuple, NoReturn

import msgspec

from runner.errors import VaultTamperedError
from runner.secrets.cipher import digest, mac, same
from runner.secrets.rows import AuditHead, Head, Manifest, RingRow, SecretRow, Snapshot, TombstoneRow, VersionRow

_TRUNCATED: Final = 16


class Entry(NamedTuple):
    """A secret, and a digest of all that its rows say."""

    id: bytes
    name: str
    digest: bytes


class _Content(msgspec.Struct, frozen=True, array_like=True):
    """What the MAC lies over. `own` is a digest of the head and the ring; format 1 had neither it nor an audit log."""

    secrets: tuple[Entry, ...]
    tombstones: bytes
    own: bytes = b""

    def part(self, names: frozenset[str]) -> "_Content":
        """The same with no secrets but those of these names."""
        kept = tuple(entry for entry in self.secrets if entry.name in names)
        return _Content(kept, self.tombstones, self.own)


def entries(said: Manifest) -> frozenset[Entry]:
    """What a manifest says of each secret; believed only where `verify` believed the manifest."""
    return frozenset(_decoded(said).secrets)


def make(key: bytes, generation: int, snapshot: Snapshot, audit: AuditHead) -> Manifest:
    """The manifest of these rows (the snapshot's own manifest does not count) and of a log that ends there."""
    content = msgspec.msgpack.encode(_describe(snapshot))
    return _signed(key, snapshot.head.vault, Manifest(generation, content, b"", audit))


def logged(key: bytes, vault: bytes, before: Manifest, audit: AuditHead) -> Manifest:
    """The same content, and a log that ends there."""
    return _signed(key, vault, msgspec.structs.replace(before, audit=audit))


def verify(key: bytes, snapshot: Snapshot) -> None:
    """Raises VaultTamperedError, which names what was changed, removed, added or put back."""
    said = snapshot.manifest
    verify_mac(key, snapshot.head.vault, said)
    content, found = _decoded(said), _describe(snapshot)
    if content == found:
        return
    if snapshot.only is not None:
        content, found = (each.part(snapshot.only) for each in (content, found))
    expected, actual = ({entry.id: entry for entry in each.secrets} for each in (content, found))
    for entry in content.secrets:
        if entry.id not in actual:
            _refuse(f"the secret {entry.name} was removed", entry.name)
    for entry in found.secrets:
        if entry.id not in expected:
            _refuse(f"the secret {entry.name} was put in or put back", entry.name)
        if expected[entry.id] != entry:
            _refuse(f"the secret {expected[entry.id].name} was changed", expected[entry.id].name)
    if content.own != found.own:
        _refuse("its head or the installation's own keys")
    _refuse("its versions or its list of deleted secrets were changed")


def verify_mac(key: bytes, vault: bytes, said: Manifest) -> None:
    """Raises VaultTamperedError unless the manifest was written with the key; what it says is not looked at."""
    if not same(said.mac, _signed(key, vault, said).mac):
        _refuse("its manifest was changed")


def _describe(snapshot: Snapshot) -> _Content:
    versions = sorted(snapshot.versions, key=lambda row: (row.secret, row.version))
    of = {secret: list(rows) for secret, rows in groupby(versions, lambda row: row.secret)}
    orphans = set(of) - {row.id for row in snapshot.secrets}
    found = [Entry(row.id, row.name, _digest(row, of.get(row.id, ()))) for row in snapshot.secrets]
    if snapshot.only is not None:
        found += [entry for entry in _decoded(snapshot.manifest).secrets if entry.name not in snapshot.only]
    return _Content(
        tuple(sorted(found)),
        digest(*sorted(map(_row, snapshot.tombstones)), *sorted(orphans)),
        digest(_row(snapshot.head), *map(_row, snapshot.ring)) if snapshot.ring else b"",
    )


def _decoded(said: Manifest) -> _Content:
    try:
        return msgspec.msgpack.decode(said.content, type=_Content)
    except msgspec.MsgspecError:
        _refuse("its manifest was changed")


def _digest(row: SecretRow, versions: Iterable[VersionRow]) -> bytes:
    said = (row.id, row.name, row.current, row.policy, row.created_at, row.updated_at)
    return digest(msgspec.msgpack.encode(said), *(digest(msgspec.msgpack.encode(row)) for row in versions))[:_TRUNCATED]


def _row(row: TombstoneRow | Head | RingRow) -> bytes:
    return msgspec.msgpack.encode(row)


def _signed(key: bytes, vault: bytes, said: Manifest) -> Manifest:
    parts = [b"manifest", vault, str(said.generation).encode(), said.content]
    if said.audit.sequence:
        parts.append(msgspec.msgpack.encode(said.audit))
    return msgspec.structs.replace(said, mac=mac(key, parts))


def _refuse(what: str, name: str = "") -> NoReturn:
    raise VaultTamperedError(f"The vault was changed by something that had no key: {what}.", name=name)
