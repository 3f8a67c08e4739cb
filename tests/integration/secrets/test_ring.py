"""The installation's own keys: the same whatever becomes of the master key."""

from pathlib import Path

import pytest

from runner.clock import SystemClock
from runner.errors import VaultKeyError
from runner.secrets.keys import MasterKey
from runner.secrets.sealer import open_sealer
from runner.secrets.vault import Vault, open_vault


@pytest.fixture
def key_path(vault_path: Path) -> Path:
    vault_path.parent.mkdir()
    return vault_path.with_name("runner.key")


class TestOpenSealer:
    async def test_without_a_vault_the_key_lies_in_a_file(self, key_path: Path) -> None:
        """Made at the first start, the same at the second."""
        first, second = await open_sealer(key_path, None), await open_sealer(key_path, None)

        assert second.open("01RUN", first.seal("01RUN", b"data")) == b"data"
        assert first.idempotency_key("x") == second.idempotency_key("x")

    async def test_with_a_vault_no_file_is_made(self, key_path: Path, vault: Vault) -> None:
        """Its keys do, and they are the same at the next opening."""
        sealer = await open_sealer(key_path, vault)

        assert not _there(key_path)
        assert sealer.open("01RUN", sealer.seal("01RUN", b"data")) == b"data"

    async def test_a_master_key_that_is_set_later_changes_nothing_for_runs_in_flight(
        self, key_path: Path, vault_path: Path, master: MasterKey
    ) -> None:
        """What they sealed opens and idempotency keys stay, at the first start with it and at each one after."""
        before = await open_sealer(key_path, None)
        sealed = before.seal("01RUN", b"data")

        for _ in range(2):
            async with open_vault(vault_path, master, clock=SystemClock()) as vault:
                after = await open_sealer(key_path, vault)
                assert after.open("01RUN", sealed) == b"data"
                assert after.idempotency_key("x") == before.idempotency_key("x")
                assert not _there(key_path), "a key in the open would outlive every rotation"
                assert after.seal("01RUN", b"data")[:5] != sealed[:5], "new values lie under a key that was never open"

            rows = await _audit(vault_path, master)
            assert rows == [("make", ""), ("adopt", "runner.key")]

    async def test_a_kill_before_the_file_is_removed_does_no_harm(
        self, key_path: Path, vault_path: Path, master: MasterKey
    ) -> None:
        """The file is there again: what the vault has already is not taken in twice."""
        before = await open_sealer(key_path, None)
        content = _read(key_path)
        for _ in range(2):
            _write(key_path, content)
            async with open_vault(vault_path, master, clock=SystemClock()) as vault:
                after = await open_sealer(key_path, vault)
                assert len(vault.ring.sealing) == 3
            assert after.idempotency_key("x") == before.idempotency_key("x")

    async def test_a_broken_key_file_is_refused_with_or_without_a_vault(self, key_path: Path, vault: Vault) -> None:
        """Rather than losing what was sealed under it."""
        _write(key_path, b"nonsense")

        for each in (None, vault):
            with pytest.raises(VaultKeyError):
                await open_sealer(key_path, each)


async def _audit(path: Path, master: MasterKey) -> list[tuple[str, str]]:
    async with open_vault(path, master, clock=SystemClock()) as vault:
        return [(row.action, row.subject) for row in await vault.audit_log()]


def _there(path: Path) -> bool:
    return path.exists()


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
