"""
The installation's own keys: random, kept in the vault under its wrapping key, and the same after every rotation.

    RingRow, wrapped ──opened──► Ring: sealing keys by id, the newest first; the idempotency key
    a rotation ──rewrapped──► the same keys under another wrapping key, and a fresh sealing key

Run outputs and idempotency keys outlive the master key: were these keys derived from it, a rotation would lose the
one and double effects by the other. `runner.secrets.content` reads and writes the rows, `runner.secrets.sealer` uses
the keys. Pure functions.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from runner.errors import VaultTamperedError
from runner.secrets.cipher import digest, new_key, packed, seal, unseal
from runner.secrets.keys import Keys
from runner.secrets.rows import RingRow

Purpose = Literal["sealing", "idempotency"]

ID_SIZE: Final = 4


class Ring(NamedTuple):
    """Sealing keys by their id, the one in use first, and the idempotency key."""

    sealing: Mapping[bytes, bytes]
    idempotency: bytes

    def __repr__(self) -> str:
        return f"Ring({len(self.sealing)} sealing keys, ****)"


def of_keys(keys: Keys) -> Ring:
    """The keys of an installation that has no vault: derived from those of its `runner.key`."""
    return Ring({key_id("sealing", keys.sealing): keys.sealing}, keys.idempotency)


def key_id(purpose: Purpose, key: bytes) -> bytes:
    """Four bytes that tell the key and say nothing of it."""
    return digest(purpose.encode() + b" key", key)[:ID_SIZE]


def first(wrapping: bytes, vault: bytes, at: float, carried: Ring | None = None) -> tuple[RingRow, ...]:
    """A new vault's ring, or one that goes on with the keys of an earlier format; those stay in use where they must."""
    rows = added(wrapping, vault, (), "idempotency", carried.idempotency if carried else new_key(), at)
    for key in carried.sealing.values() if carried else ():
        rows += added(wrapping, vault, rows, "sealing", key, at)
    return rows + added(wrapping, vault, rows, "sealing", new_key(), at)


def adopted(wrapping: bytes, vault: bytes, rows: Sequence[RingRow], ring: Ring, at: float) -> tuple[RingRow, ...]:
    """
    What the ring grows by to take in the keys of an installation that had no vault; nothing where it has them.

    Its idempotency key counts from now on: runs in flight were accepted under it. Its sealing key only opens.
    """
    known = {row.id for row in rows}
    if known.issuperset(ring.sealing):
        return ()
    grown: tuple[RingRow, ...] = ()
    for key in (*ring.sealing.values(), new_key()):
        grown += added(wrapping, vault, (*rows, *grown), "sealing", key, at)
    return grown + added(wrapping, vault, (*rows, *grown), "idempotency", ring.idempotency, at)


def added(
    wrapping: bytes, vault: bytes, rows: Sequence[RingRow], purpose: Purpose, key: bytes, at: float
) -> tuple[RingRow, ...]:
    """One more row, that is in use from now on."""
    name = key_id(purpose, key)
    number = max((row.number for row in rows), default=0) + 1
    return (RingRow(number, purpose, name, seal(wrapping, key, _bound(vault, purpose, name)), at),)


def rewrapped(old: bytes, new: bytes, vault: bytes, rows: Iterable[RingRow]) -> tuple[RingRow, ...]:
    """The same keys under another wrapping key. Raises VaultTamperedError."""
    return tuple(
        msgspec.structs.replace(row, wrapped=seal(new, _opened(old, vault, row), _bound(vault, row.purpose, row.id)))
        for row in rows
    )


def opened(wrapping: bytes, vault: bytes, rows: Iterable[RingRow]) -> Ring:
    """The keys. Raises VaultTamperedError."""
    newest = sorted(rows, key=lambda row: -row.number)
    sealing = {row.id: _opened(wrapping, vault, row) for row in newest if row.purpose == "sealing"}
    idempotency = next((_opened(wrapping, vault, row) for row in newest if row.purpose == "idempotency"), b"")
    return Ring(sealing, idempotency)


def _opened(wrapping: bytes, vault: bytes, row: RingRow) -> bytes:
    try:
        return unseal(wrapping, row.wrapped, _bound(vault, row.purpose, row.id))
    except ValueError:
        raise VaultTamperedError(
            "The vault was changed by something that had no key: one of the installation's own keys."
        ) from None


def _bound(vault: bytes, purpose: str, name: bytes) -> bytes:
    return packed(b"installation key", vault, purpose.encode(), name)
