"""How far the vault was seen, as the store keeps it."""

from runner.ports import Store, VaultMark
from tests.contracts.store.conftest import Reopen

FIRST = VaultMark(b"v" * 16, 3, 5, b"m" * 32)
SECOND = VaultMark(b"w" * 16, 2, 4, b"n" * 32)


class TestVaultNotes:
    async def test_nothing_is_noted_in_a_new_store(self, store: Store) -> None:
        """A first start has nothing to compare with."""
        assert await store.vault_notes.read() is None

    async def test_what_was_written_last_counts_after_a_restart(self, store: Store, reopen: Reopen) -> None:
        """Whole, and whichever vault it is of: comparing is the caller's."""
        await store.vault_notes.write(FIRST)
        assert await store.vault_notes.read() == FIRST
        await store.vault_notes.write(SECOND)

        again = await reopen()

        assert await again.vault_notes.read() == SECOND
