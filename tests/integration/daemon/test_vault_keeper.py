"""A whole older vault, another one, a log whose end was cut: a start says so, and what was noted too late refuses nobody."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from runner.clock import SystemClock
from runner.daemon.vault_keeper import VaultKeeper
from runner.errors import SecretError, VaultTamperedError
from runner.ports import VaultNotes
from runner.secrets.audit import AuditEntry
from runner.secrets.keys import MasterKey, new_master_key, parse
from runner.secrets.use_log import UseLog
from runner.secrets.vault import Vault, open_vault
from runner.store.memory import MemoryStore
from tests.integration.secrets.disk import behind_its_back


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the vault lies."""
    return tmp_path / "runner.db"


@pytest.fixture
def master() -> MasterKey:
    """A random key."""
    return parse(new_master_key())


@pytest.fixture
def notes() -> VaultNotes:
    """Of a store that was just made."""
    return MemoryStore().vault_notes


@pytest.fixture
async def kept(path: Path, master: MasterKey, notes: VaultNotes) -> Path:
    """A daemon's life: A set twice, kept, stopped. What comes back is a copy of the vault after the first time."""

    async def life(vault: Vault) -> None:
        await vault.set("A", "first-value-of-a")
        with behind_its_back(path) as tables:
            tables.execute("vacuum into ?", (str(path.with_name("older.db")),))
        await vault.set("A", "second-value-of-a")
        keeper = keeper_of(vault, notes)
        await keeper.check(path)
        await keeper.keep(is_end=True)

    await opened(path, master, life)
    return path.with_name("older.db")


def keeper_of(vault: Vault, notes: VaultNotes, uses: UseLog | None = None) -> VaultKeeper:
    return VaultKeeper(vault, uses or UseLog(vault, SystemClock()), notes, SystemClock())


async def opened(path: Path, master: MasterKey, work: Callable[[Vault], Awaitable[object]]) -> None:
    async with open_vault(path, master, clock=SystemClock()) as vault:
        await work(vault)


async def refused(path: Path, master: MasterKey, notes: VaultNotes, why: str) -> None:
    """A start says so, and how it is cured."""
    async with open_vault(path, master, clock=SystemClock()) as vault:
        with pytest.raises(VaultTamperedError, match=f"{why}.*runner restore FILE.*runner secrets accept"):
            await keeper_of(vault, notes).check(path)


class TestAtTheStart:
    async def test_the_vault_that_was_kept_is_right(
        self, kept: Path, path: Path, master: MasterKey, notes: VaultNotes
    ) -> None:
        """The mark is that of its last change."""
        del kept
        await opened(path, master, lambda vault: keeper_of(vault, notes).check(path))
        assert (noted := await notes.read()) is not None
        assert (noted.generation, noted.sequence) == (3, 3)

    async def test_a_later_vault_is_right_too(
        self, kept: Path, path: Path, master: MasterKey, notes: VaultNotes
    ) -> None:
        """A command changed it while no daemon ran, or a kill came before the note: the note is behind."""
        del kept
        await opened(path, master, lambda vault: vault.set("A", "third-value-of-a"))
        await opened(path, master, lambda vault: vault.audit(AuditEntry("login", "", "eve")))
        await opened(path, master, lambda vault: keeper_of(vault, notes).check(path))

    async def test_a_whole_older_one_is_refused(
        self, kept: Path, path: Path, master: MasterKey, notes: VaultNotes
    ) -> None:
        """Genuine in itself."""
        shutil.copyfile(kept, path)
        await refused(path, master, notes, "it is older than the one that was used last .generation 2, not 3.")

    async def test_an_older_one_that_was_changed_since_is_refused(
        self, kept: Path, path: Path, master: MasterKey, notes: VaultNotes
    ) -> None:
        """Its generation is as high; its log is another one."""
        shutil.copyfile(kept, path)
        await opened(path, master, lambda vault: vault.set("B", "first-value-of-b"))
        await opened(path, master, lambda vault: vault.set("B", "second-value-of-b"))
        await refused(path, master, notes, "audit log: row 3 is not the one that was written down")

    async def test_another_one_is_refused(self, kept: Path, path: Path, master: MasterKey, notes: VaultNotes) -> None:
        """Say, a new one where the old one was moved away."""
        shutil.move(path, kept)
        await refused(path, master, notes, "this is another vault")

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ("delete from audit where sequence = 3", "row 3 is missing: the end was cut off"),
            ("delete from audit", "rows 1 to 3 are missing: the end was cut off"),
            ("update audit set actor = 'x' where sequence = 3", "row 3 was changed"),
            ("update audit set mac = zeroblob(32) where sequence = 3", "row 3 is not the last one"),
        ],
        ids=["cut", "emptied", "changed", "another MAC"],
    )
    async def test_a_log_whose_end_was_cut_is_refused(
        self, kept: Path, path: Path, master: MasterKey, change: str, why: str
    ) -> None:
        """Against the vault's manifest alone, though nothing was noted."""
        del kept
        with behind_its_back(path) as tables:
            tables.execute(change)
        await refused(path, master, MemoryStore().vault_notes, f"audit log: {why}")


class TestKeeping:
    async def test_uses_and_the_mark_of_the_row_that_tells_them_are_kept(
        self, path: Path, master: MasterKey, notes: VaultNotes
    ) -> None:
        """The generation stays: nobody's cache is void because somebody resolved."""
        async with open_vault(path, master, clock=SystemClock()) as vault:
            uses, before = UseLog(vault, SystemClock()), vault.generation
            uses.resolved({"A"}, "orders", "r1")
            await keeper_of(vault, notes, uses).keep()

            assert [row.action for row in await vault.audit_log()] == ["make", "resolve"]
            assert vault.generation == before
            assert await notes.read() == vault.mark
            assert vault.mark.sequence == 2

    async def test_a_vault_that_cannot_be_written_is_said_and_waited_for(
        self, path: Path, master: MasterKey, notes: VaultNotes
    ) -> None:
        """Nobody fails for it, and nothing is lost."""
        async with open_vault(path, master, clock=SystemClock()) as vault:
            uses = UseLog(vault, SystemClock())
            keeper = keeper_of(vault, notes, uses)
            with behind_its_back(path) as tables:
                tables.execute("create trigger full before insert on audit begin select raise(abort, 'full'); end")
            uses.refused("A", "orders", "https://evil.example")
            await keeper.keep()
            with pytest.raises(SecretError):
                await uses.flush()
            with behind_its_back(path) as tables:
                tables.execute("drop trigger full")
            await keeper.keep()

            assert [row.action for row in await vault.audit_log()] == ["make", "refused"]


class TestNewAuditKey:
    async def test_each_key_verifies_its_own_rows(self, path: Path, master: MasterKey) -> None:
        """The old one up to the row that begins the new one, the new one from there on."""
        async with open_vault(path, master, clock=SystemClock()) as vault:
            old = vault.verification_key
            assert old is not None
            await vault.set("A", "first-value-of-a")
            new = await vault.new_audit_key(by="ann")
            await vault.set("A", "second-value-of-a")

            by_old, by_new = await vault.check_audit(key=old), await vault.check_audit(key=new)

            assert (by_old.rows, by_old.macs, by_old.until, by_old.findings) == (4, 3, 3, ())
            assert (by_new.macs, by_new.until, by_new.findings) == (1, None, ())
            assert [(row.actor, row.action, row.details) for row in await vault.audit_log()][2] == (
                "ann",
                "audit_key",
                '{"first":4}',
            )
