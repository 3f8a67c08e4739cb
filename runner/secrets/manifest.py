"""
What the vault holds, in one list under a MAC: nothing can be exchanged, moved back, removed or put back unseen.

    secrets, versions, tombstones ──describe──► content ──MAC(vault, generation, content)──► Manifest
    Snapshot ──verify──► nothing, or VaultTamperedError that names the secret

The bound data of each row (`runner.secrets.cipher`) keeps rows from being exchanged; an old row is genuine, though, and
only the manifest knows that it is old. `runner.secrets.vault` writes it with every change. Pure functions.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Final, NamedTuple, NoReturn

import msgspec

from runner.errors import VaultTamperedError
from runner.secrets.cipher import digest, mac, same
from runner.secrets.rows import Manifest, SecretRow, Snapshot, TombstoneRow, VersionRow

_TRUNCATED: Final = 16


class _Entry(NamedTuple):
    """A secret, and a digest of all that its rows say."""

    id: bytes
    name: str
    digest: bytes


class _Content(msgspec.Struct, frozen=True, array_like=True):
    """What the MAC lies over."""

    secrets: tuple[_Entry, ...]
    tombstones: bytes


def make(key: bytes, vault: bytes, generation: int, snapshot: Snapshot) -> Manifest:
    """The manifest of these rows (the snapshot's own manifest does not count)."""
    content = msgspec.msgpack.encode(_describe(snapshot))
    return Manifest(generation, content, _mac(key, vault, generation, content))


def verify(key: bytes, vault: bytes, snapshot: Snapshot) -> None:
    """Raises VaultTamperedError, which names what was changed, removed, added or put back."""
    said = snapshot.manifest
    if not same(said.mac, _mac(key, vault, said.generation, said.content)):
        _refuse("its manifest was changed")
    content, found = msgspec.msgpack.decode(said.content, type=_Content), _describe(snapshot)
    if content == found:
        return
    expected, actual = ({entry.id: entry for entry in each.secrets} for each in (content, found))
    for entry in content.secrets:
        if entry.id not in actual:
            _refuse(f"the secret {entry.name} was removed", entry.name)
    for entry in found.secrets:
        if entry.id not in expected:
            _refuse(f"the secret {entry.name} was put in or put back", entry.name)
        if expected[entry.id] != entry:
            _refuse(f"the secret {expected[entry.id].name} was changed", expected[entry.id].name)
    _refuse("its versions or its list of deleted secrets were changed")


def _describe(snapshot: Snapshot) -> _Content:
    versions = sorted(snapshot.versions, key=lambda row: (row.secret, row.version))
    of = {secret: list(rows) for secret, rows in groupby(versions, lambda row: row.secret)}
    orphans = set(of) - {row.id for row in snapshot.secrets}
    return _Content(
        tuple(sorted(_Entry(row.id, row.name, _digest(row, of.get(row.id, ()))) for row in snapshot.secrets)),
        digest(*sorted(map(_tombstone, snapshot.tombstones)), *sorted(orphans)),
    )


def _digest(row: SecretRow, versions: Iterable[VersionRow]) -> bytes:
    said = (row.id, row.name, row.current, row.policy, row.created_at, row.updated_at)
    return digest(msgspec.msgpack.encode(said), *map(digest_of, versions))[:_TRUNCATED]


def digest_of(row: VersionRow) -> bytes:
    """A version's row as 32 bytes."""
    return digest(msgspec.msgpack.encode(row))


def _tombstone(row: TombstoneRow) -> bytes:
    return msgspec.msgpack.encode(row)


def _mac(key: bytes, vault: bytes, generation: int, content: bytes) -> bytes:
    return mac(key, (b"manifest", vault, str(generation).encode(), content))


def _refuse(what: str, name: str = "") -> NoReturn:
    raise VaultTamperedError(f"The vault was changed by something that had no key: {what}.", name=name)
