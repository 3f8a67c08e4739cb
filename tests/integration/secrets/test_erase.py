"""After a delete the bytes are gone, and where they cannot be yet, that is said."""

import sqlite3
from pathlib import Path
from typing import Any

from runner.clock import SystemClock
from runner.secrets.keys import MasterKey
from runner.secrets.vault import Vault, open_vault
from runner.testing import FakeClock
from tests.integration.secrets.disk import behind_its_back, every_byte


class TestErase:
    async def test_no_byte_of_a_deleted_row_is_left_in_any_file(self, vault: Vault, vault_path: Path) -> None:
        """Neither in the database's free pages nor in the WAL; small and over many pages."""
        sealed = []
        for name, value in (("A", "first-value-of-a"), ("B", "x" * 60_000)):
            await vault.set(name, value)
            _, snapshot = await vault._rows.snapshot()
            sealed += [row.sealed for row in snapshot.versions] + [row.wrapped for row in snapshot.versions]
        assert all(blob[:3000] in every_byte(vault_path.parent) for blob in sealed[-2:])

        assert await vault.delete("A") is True
        assert await vault.delete("B") is True

        disk = every_byte(vault_path.parent)
        assert not [blob for blob in sealed if blob[1:40] in disk or blob[-40:] in disk]

    async def test_the_bytes_stay_while_another_reads_and_that_is_said(
        self, vault_path: Path, master: MasterKey
    ) -> None:
        """False, after having tried as long as it was told; the next delete takes both."""
        clock = FakeClock()
        async with open_vault(vault_path, master, clock=_Skips(clock), erase_within=1.0) as vault:
            await vault.set("A", "first-value-of-a")
            await vault.set("B", "first-value-of-b")
            _, snapshot = await vault._rows.snapshot()
            sealed = [row.sealed for row in snapshot.versions]
            rows: Any = vault._rows
            await rows._all("pragma busy_timeout=1")
            with behind_its_back(vault_path) as reader:
                reader.execute("begin")
                reader.execute("select * from versions").fetchone()

                assert await vault.delete("A") is False
                assert clock.monotonic() >= 1.0

            assert await vault.delete("B") is True
            disk = every_byte(vault_path.parent)

        assert not [blob for blob in sealed if blob[1:40] in disk]

    async def test_a_reader_that_ends_meanwhile_is_waited_for(self, vault_path: Path, master: MasterKey) -> None:
        """Busy at first, erased in the end."""
        async with open_vault(vault_path, master, clock=SystemClock()) as vault:
            await vault.set("A", "first-value-of-a")
            rows: Any = vault._rows
            await rows._all("pragma busy_timeout=1")
            with behind_its_back(vault_path) as reader:
                reader.execute("begin")
                reader.execute("select * from versions").fetchone()
                vault._clock = _Ends(reader)

                assert await vault.delete("A") is True


class _Skips:
    """A clock on which waiting takes no time."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.wall, self.monotonic = clock.wall, clock.monotonic

    async def sleep(self, seconds: float) -> None:
        await self._clock.advance(seconds)


class _Ends(SystemClock):
    """A clock on which the other reader ends while one waits."""

    def __init__(self, reader: sqlite3.Connection) -> None:
        self._reader = reader

    async def sleep(self, seconds: float) -> None:
        if self._reader.in_transaction:
            self._reader.execute("commit")
