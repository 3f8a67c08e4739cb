"""
How far a vault was seen, written down apart from it: what shows that a whole older file was put in its place.

    Vault ──VaultMark──► VaultNotes (the store of runs) ──at the next start──► older than this? another vault?

Whoever exchanges the vault's file has to change the other file too. `runner.daemon.vault_keeper` compares.
"""

from typing import Protocol

import msgspec


class VaultMark(msgspec.Struct, frozen=True):
    """
    A vault at one instant: its id, its generation, and where its audit log ended (number and MAC of the last row; 0 and
    nothing where it was empty).
    """

    vault: bytes
    generation: int
    sequence: int = 0
    mac: bytes = b""


class VaultNotes(Protocol):
    """Keeps one mark. Its calls raise StoreDegradedError while the disk refuses."""

    async def read(self) -> VaultMark | None:
        """What was written last; None where nothing was."""

    async def write(self, mark: VaultMark) -> None:
        """In the place of what was written before."""
