"""Versions and policies of a secret: what a change adds, keeps, refuses and erases."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from runner.clock import SystemClock
from runner.errors import SecretConflictError, SecretError, SecretMissingError, SecretRefusedError
from runner.secrets.keys import MasterKey
from runner.secrets.policy import EVERYTHING, Policy, PolicyChange
from runner.secrets.vault import Vault, open_vault
from runner.testing import FakeClock
from tests.integration.secrets.disk import behind_its_back, every_byte

K = frozenset({"K"})
HOST_A, HOST_B = "https://a.example.com", "https://b.example.com"
TO_A = PolicyChange(allowed_hosts=(HOST_A,))
TO_BOTH = PolicyChange(allowed_hosts=(HOST_A, HOST_B))


@pytest.fixture
def clock() -> FakeClock:
    """The vault's clock."""
    return FakeClock()


@pytest.fixture
async def small(vault_path: Path, master: MasterKey, clock: FakeClock) -> AsyncIterator[Vault]:
    """A vault on that clock that keeps three versions."""
    async with open_vault(vault_path, master, clock=clock, erase_within=0.0, keep_versions=3) as vault:
        yield vault


async def fill(vault: Vault, count: int) -> None:
    """`K` with so many versions: `value-number-1` and so on."""
    for number in range(1, count + 1):
        await vault.set("K", f"value-number-{number}", by=f"user{number}")


class TestExpectedVersion:
    async def test_a_change_that_expected_another_version_changes_nothing(self, vault: Vault) -> None:
        """It names the version that is there."""
        await fill(vault, 2)
        changes: list[Callable[[], Awaitable[object]]] = [
            lambda: vault.set("K", "value-of-mine", if_match=1),
            lambda: vault.set("K", "value-of-mine", if_match=0),
            lambda: vault.change_policy("K", TO_A, if_match=1),
            lambda: vault.rollback("K", 1, if_match=1),
            lambda: vault.delete("K", if_match=3),
        ]
        before = vault.generation

        for change in changes:
            with pytest.raises(SecretConflictError, match=r"^K: expected .*, but version 2 is there") as raised:
                await change()
            assert (raised.value.name, raised.value.version) == ("K", 2)

        assert vault.generation == before

    async def test_the_right_one_is_taken(self, vault: Vault) -> None:
        """Number for number, 0 for a secret that is not there."""
        assert await vault.set("K", "value-number-1", if_match=0) == 1
        assert await vault.set("K", "value-number-2", if_match=1) == 2
        assert await vault.rollback("K", 1, if_match=2)
        assert await vault.delete("K", if_match=1)

        with pytest.raises(SecretConflictError, match="expected version 1, but it is not there") as raised:
            await vault.set("K", "value-number-3", if_match=1)
        assert raised.value.version == 0


class TestHistory:
    async def test_it_says_which_when_and_who_and_never_what(self, small: Vault, clock: FakeClock) -> None:
        """Oldest first, the current one marked."""
        start = clock.wall()
        await small.set("K", "value-number-1", by="ann")
        await clock.advance(60)
        await small.set("K", "value-number-2", by="bob")

        history = await small.history("K")

        assert [(v.version, v.created_at - start, v.created_by, v.is_current) for v in history] == [
            (1, 0, "ann", False),
            (2, 60, "bob", True),
        ]
        assert "value-number" not in repr(history)
        with pytest.raises(SecretMissingError):
            await small.history("NOPE")

    async def test_an_old_version_becomes_current_again(self, small: Vault) -> None:
        """Also for another process; the number of the next one goes on counting, and `updated_at` is kept apart."""
        await fill(small, 3)

        assert await small.rollback("K", 2, by="ann")
        assert not await small.rollback("K", 2)

        assert await small.resolve(K) == {"K": "value-number-2"}
        assert await small.set("K", "value-number-4") == 4

    async def test_a_version_that_is_not_kept_is_named(self, small: Vault) -> None:
        """With those that are."""
        await fill(small, 4)

        with pytest.raises(SecretMissingError, match=r"^K has no version 1; kept are 2, 3, 4\.$"):
            await small.rollback("K", 1)


class TestOtherProcesses:
    async def test_what_another_one_added_changed_and_deleted_is_seen(
        self, vault: Vault, vault_path: Path, master: MasterKey
    ) -> None:
        """Though only the rows that differ are read."""
        for name in ("GOES", "STAYS", "CHANGES"):
            await vault.set(name, f"first-value-of-{name}")
        async with open_vault(vault_path, master, clock=SystemClock()) as other:
            await other.set("COMES", "first-value-of-COMES")
            await other.set("CHANGES", "second-value-of-CHANGES")
            await other.delete("GOES")

            assert [info.name for info in await vault.list()] == ["CHANGES", "COMES", "STAYS"]
            assert vault.content.current == other.content.current
            assert vault.content.every["CHANGES"] == ("first-value-of-CHANGES", "second-value-of-CHANGES")


class TestPruning:
    async def test_the_newest_are_kept_and_the_current_one(self, small: Vault) -> None:
        """Three, and the older one that was made current."""
        await fill(small, 5)
        assert (await small.info("K")).versions == (3, 4, 5)

        await small.rollback("K", 3)
        await small.change_policy("K", TO_A)
        assert (await small.info("K")).versions == (3, 4, 5)
        await small.set("K", "value-number-6")
        assert (await small.info("K")).versions == (4, 5, 6)

    async def test_a_vault_that_keeps_fewer_never_drops_the_current_one(
        self, small: Vault, vault_path: Path, master: MasterKey
    ) -> None:
        """Nor does a number come twice."""
        await fill(small, 3)
        await small.rollback("K", 1)
        async with open_vault(vault_path, master, clock=SystemClock(), keep_versions=1) as other:
            await other.change_policy("K", TO_A)

            assert (await other.info("K")).versions == (1, 3)
            assert await other.resolve(K) == {"K": "value-number-1"}
            assert await other.set("K", "value-number-4") == 4

    async def test_no_byte_of_a_pruned_version_is_left(self, small: Vault, vault_path: Path) -> None:
        """Neither in the database nor in the WAL, of its value nor of its wrapped key."""
        await small.set("K", "value-number-1")
        (gone,) = (await small._rows.snapshot())[1].versions
        assert gone.sealed in every_byte(vault_path.parent)
        await fill(small, 3)

        disk = every_byte(vault_path.parent)

        assert small.is_erased
        assert not [blob for blob in (gone.sealed, gone.wrapped) if blob[1:40] in disk]

    async def test_a_pruned_version_is_gone_once_its_last_reader_is(self, small: Vault, vault_path: Path) -> None:
        """Another process that reads all the while keeps the bytes, and that is said; after it `erase` takes them."""
        await fill(small, 3)
        (gone, *_) = (await small._rows.snapshot())[1].versions
        with behind_its_back(vault_path) as reader:
            reader.execute("begin")
            reader.execute("select * from versions").fetchone()
            await small.set("K", "value-number-4")
            assert (await small.info("K")).versions == (2, 3, 4)
            assert not small.is_erased
            assert gone.sealed[1:40] in every_byte(vault_path.parent)
            reader.execute("commit")

            assert await small.erase()
            assert not [blob for blob in (gone.sealed, gone.wrapped) if blob[1:40] in every_byte(vault_path.parent)]


class TestPolicies:
    async def test_a_policy_comes_with_a_value_and_stays_with_the_next(self, vault: Vault) -> None:
        """What is not said again is kept."""
        await vault.set("K", "value-number-1", policy=PolicyChange(allowed_hosts=("A.example.com",), rotate_every=60.0))
        await vault.set("K", "value-number-2", policy=PolicyChange(rotate_every=None))

        assert await vault.policy("K") == Policy(allowed_hosts=(HOST_A,))

    async def test_narrowing_is_free(self, vault: Vault) -> None:
        """Value and version stay, every kept version is sealed anew under the new policy."""
        await fill(vault, 2)
        before = (await vault._rows.snapshot())[1].versions

        assert await vault.change_policy("K", TO_A) == Policy(allowed_hosts=(HOST_A,))

        after = (await vault._rows.snapshot())[1].versions
        assert {row.policy for row in after} == {Policy(allowed_hosts=(HOST_A,)).encode()}
        assert not {row.wrapped for row in before} & {row.wrapped for row in after}
        assert await vault.resolve(K) == {"K": "value-number-2"}
        assert [row.created_by for row in after] == ["user1", "user2"]

    @pytest.mark.parametrize(
        ("wider", "named"),
        [
            (TO_BOTH, HOST_B),
            (PolicyChange(allowed_hosts=None), "every host"),
            (PolicyChange(allowed_workflows=None), "every workflow"),
            (PolicyChange(allowed_workflows=("orders", "bills")), "bills"),
        ],
        ids=["host", "every-host", "every-workflow", "workflow"],
    )
    async def test_widening_takes_the_value_anew(self, wider: PolicyChange, named: str, vault: Vault) -> None:
        """Refused by name without one, done with one."""
        first = PolicyChange(allowed_hosts=(HOST_A,), allowed_workflows=("orders",))
        await vault.set("K", "value-number-1", policy=first)

        with pytest.raises(SecretRefusedError, match=f"^K: {named} would be allowed that was not before"):
            await vault.change_policy("K", wider)

        await vault.set("K", "value-number-2", policy=wider)
        assert await vault.policy("K") == wider.applied("K", first.applied("K", EVERYTHING))

    async def test_a_junk_value_does_not_widen_the_old_one(self, vault: Vault) -> None:
        """Setting something with a wide policy and rolling back gives the old value to nobody new."""
        await vault.set("K", "value-number-1", policy=TO_A)
        await vault.set("K", "junk-junk-junk", policy=TO_BOTH)

        with pytest.raises(SecretRefusedError, match=f"^K: version 1 was not given for {HOST_B}"):
            await vault.rollback("K", 1)
        assert [each.given_for_less for each in await vault.history("K")] == [(HOST_B,), ()]

        await vault.change_policy("K", TO_A)
        assert await vault.rollback("K", 1)
        assert await vault.resolve(K) == {"K": "value-number-1"}

    async def test_a_rollback_keeps_the_policy_of_today(self, vault: Vault) -> None:
        """An old version comes back as narrow as the secret is now."""
        await vault.set("K", "value-number-1")
        await vault.set("K", "value-number-2", policy=TO_A)

        await vault.rollback("K", 1)

        assert await vault.policy("K") == Policy(allowed_hosts=(HOST_A,))
        assert await vault.resolve(K) == {"K": "value-number-1"}

    async def test_a_change_that_changes_nothing_writes_nothing(self, vault: Vault) -> None:
        """The vault's generation stays."""
        await vault.set("K", "value-number-1", policy=TO_A)
        before = vault.generation

        await vault.change_policy("K", TO_A)

        assert vault.generation == before

    async def test_a_policy_survives_the_end_of_the_process(
        self, vault: Vault, vault_path: Path, master: MasterKey
    ) -> None:
        """It lies in the file, under the manifest."""
        await vault.set("K", "value-number-1", policy=TO_A)

        async with open_vault(vault_path, master, clock=SystemClock()) as again:
            assert await again.policy("K") == Policy(allowed_hosts=(HOST_A,))
            assert await again.resolve(K) == {"K": "value-number-1"}


class TestUse:
    async def test_only_named_workflows_get_it(self, vault: Vault) -> None:
        """The others are told which it is; nothing is counted as resolved."""
        await vault.set("K", "value-number-1", policy=PolicyChange(allowed_workflows=("orders",)))

        assert await vault.resolve(K, "orders") == {"K": "value-number-1"}
        with pytest.raises(SecretRefusedError, match=r"K may not be used by the workflow report \(allowed: orders\)"):
            await vault.resolve(K, "report")
        assert vault.resolve_count == 1

    async def test_an_expired_one_is_refused_from_its_instant_on(self, small: Vault, clock: FakeClock) -> None:
        """A new value needs another date, or none."""
        policy = PolicyChange(expires_at=clock.wall() + 60, on_expiry="refuse")
        await small.set("K", "value-number-1", policy=policy)
        await small.resolve(K)

        await clock.advance(60)

        with pytest.raises(SecretRefusedError, match=r"^The secret K expired on "):
            await small.resolve(K)
        with pytest.raises(SecretError, match=r"^K: the value would be refused at once"):
            await small.set("K", "value-number-2")
        await small.set("K", "value-number-2", policy=PolicyChange(expires_at=None))
        assert await small.resolve(K) == {"K": "value-number-2"}


class TestAudit:
    async def test_each_change_is_told_as_what_it_was(self, small: Vault) -> None:
        """With who did it; no value."""
        await small.set("K", "value-number-1", by="ann", policy=TO_A)
        await small.set("K", "value-number-2", by="bob", policy=TO_BOTH)
        await small.change_policy("K", TO_A, by="ann")
        await small.set("K", "value-number-3", by="ann")
        await small.rollback("K", 2, by="bob")
        await small.set("K", "value-number-4", by="ann")
        await small.delete("K", by="cy")

        rows = [(row.action, row.actor) for row in await small.audit_log() if row.subject == "K"]

        assert rows == [
            ("set", "ann"),
            ("replace", "bob"),
            ("widen", "bob"),
            ("narrow", "ann"),
            ("replace", "ann"),
            ("rollback", "bob"),
            ("replace", "ann"),
            ("prune", "ann"),
            ("delete", "cy"),
        ]
        assert "value-number" not in repr(await small.audit_log())
