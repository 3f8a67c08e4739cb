"""What the vault does for those who have its key."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from runner.clock import SystemClock
from runner.errors import SecretError, SecretMissingError
from runner.secrets.keys import MasterKey, parse
from runner.secrets.vault import Vault, open_vault
from runner.testing import FakeClock
from tests.integration.secrets.disk import every_byte

A = frozenset({"A"})


class TestSetAndResolve:
    async def test_a_value_comes_back_as_it_was_set(self, vault: Vault, vault_path: Path, master: MasterKey) -> None:
        """Also after the vault was closed and opened again."""
        value = "tab\tline\nquote\"' zero\0 emoji🔑 " + "x" * 60_000

        assert await vault.set("A", value) == 1
        async with open_vault(vault_path, master, clock=SystemClock()) as again:
            assert await again.resolve(A) == {"A": value}

    async def test_bytes_that_are_text_are_taken_as_text(self, vault: Vault) -> None:
        """As a file or standard input gives them."""
        await vault.set("A", "schlüssel-1".encode())

        assert await vault.resolve(A) == {"A": "schlüssel-1"}

    async def test_setting_again_makes_a_new_version_the_current_one(self, vault_path: Path, master: MasterKey) -> None:
        """The old one is kept; both dates are the clock's."""
        clock = FakeClock()
        async with open_vault(vault_path, master, clock=clock) as vault:
            await vault.set("A", "first-value", by="ann")
            await clock.advance(60)
            assert await vault.set("A", "second-value") == 2

            info = await vault.info("A")
            assert await vault.resolve(A) == {"A": "second-value"}

        assert (info.version, info.versions) == (2, (1, 2))
        assert info.updated_at - info.created_at == 60

    async def test_a_name_that_was_deleted_goes_on_counting(self, vault: Vault) -> None:
        """(name, version) never means two values."""
        await vault.set("A", "first-value")
        await vault.set("A", "second-value")
        await vault.delete("A")

        assert await vault.set("A", "third-value") == 3

    async def test_the_list_is_sorted_and_holds_no_value(self, vault: Vault) -> None:
        """Names, versions, dates."""
        for name in ("B", "A", "_c9"):
            await vault.set(name, "canary-value")

        infos = await vault.list()

        assert [info.name for info in infos] == ["A", "B", "_c9"]
        assert "canary" not in repr(infos) + msgspec.json.encode(infos).decode()

    async def test_only_what_is_handed_out_counts_as_resolved(self, vault: Vault) -> None:
        """Listing, setting and a resolve that fails count nothing."""
        await vault.set("A", "first-value")
        await vault.set("B", "second-value")
        await vault.list()
        before = vault.resolve_count

        await vault.resolve(A)
        await vault.resolve(frozenset({"A", "B"}))
        with pytest.raises(SecretMissingError):
            await vault.resolve(frozenset({"A", "C"}))

        assert (before, vault.resolve_count) == (0, 3)

    async def test_changes_at_the_same_time_follow_each_other(self, vault: Vault) -> None:
        """Each of them is there in the end, as a version of its own."""
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(vault.set, f"S{number % 4}", f"value-number-{number}")

        assert {info.name: info.version for info in await vault.list()} == {f"S{number}": 5 for number in range(4)}

    async def test_a_change_that_is_cancelled_is_whole_or_not_at_all(self, vault: Vault) -> None:
        """The vault goes on working afterwards."""
        with anyio.CancelScope() as scope:
            scope.cancel()
            await vault.set("A", "first-value")

        assert await vault.set("A", "second-value") in {1, 2}
        assert await vault.resolve(A) == {"A": "second-value"}


class TestRefusals:
    @pytest.mark.parametrize(
        "work", [lambda vault: vault.resolve(A), lambda vault: vault.info("A"), lambda vault: vault.delete("A")]
    )
    async def test_a_secret_that_is_not_there_is_named(
        self, work: Callable[[Vault], Awaitable[object]], vault: Vault
    ) -> None:
        """With what to do about it where a run needs it."""
        with pytest.raises(SecretMissingError, match="There is no secret A") as raised:
            await work(vault)

        assert raised.value.name == "A"

    @pytest.mark.parametrize("name", ["", "1A", "A-B", "A.B", "A B", "Ä", "A\n", "A" * 129])
    async def test_a_name_that_cannot_stand_after_a_dollar_sign(self, name: Any, vault: Vault) -> None:
        """Refused before anything is written."""
        with pytest.raises(SecretError, match="letters, digits and _"):
            await vault.set(name, "canary-value")

        assert vault.generation == 1

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ("", "found an empty one"),
            (b"\xff\xfe canary", "expected text in UTF-8"),
            ("\ud800 canary", "expected text in UTF-8"),
            ("canary" + "é" * 40_000, "expected at most 65536 bytes, found 80006"),
            ("canary7", "under 8 characters"),
            ("postgres", "common word"),
        ],
    )
    async def test_a_value_that_cannot_be(self, value: Any, message: Any, vault: Vault) -> None:
        """The message names the secret and repeats none of the value."""
        with pytest.raises(SecretError, match=message) as raised:
            await vault.set("A", value)

        assert raised.value.name == "A"
        assert "canary" not in str(raised.value)

    async def test_a_short_value_is_taken_with_leave(self, vault: Vault) -> None:
        """Whoever says so knows that it cannot be masked safely."""
        await vault.set("PIN", "1234", short_ok=True)

        assert await vault.resolve(frozenset({"PIN"})) == {"PIN": "1234"}


class TestOnDisk:
    async def test_no_value_lies_in_any_file(self, vault: Vault, vault_path: Path) -> None:
        """Neither in the database nor in its WAL; the name does, and is no secret."""
        for number in range(20):
            await vault.set(f"S{number}", f"canary-{number:02}-value")

        disk = every_byte(vault_path.parent)

        assert b"canary" not in disk
        assert b"S19" in disk

    async def test_the_same_value_is_never_the_same_bytes(self, vault: Vault, vault_path: Path) -> None:
        """Each version has a data key of its own and a random nonce."""
        await vault.set("A", "the-same-value")
        await vault.set("B", "the-same-value")
        await vault.set("B", "the-same-value")

        sealed = [row.sealed for row in (await vault._rows.snapshot())[1].versions]

        assert len({blob[13:] for blob in sealed}) == 3

    async def test_a_passphrase_opens_what_it_made(self, vault_path: Path) -> None:
        """Composed or decomposed, as keyboards differ."""
        async with open_vault(vault_path, parse("größe-der-schlüssel-batterie"), clock=SystemClock()) as vault:
            await vault.set("A", "first-value")

        decomposed = parse("gro\u0308ße-der-schlu\u0308ssel-batterie")
        async with open_vault(vault_path, decomposed, clock=SystemClock()) as vault:
            assert await vault.resolve(A) == {"A": "first-value"}

    async def test_a_disk_that_refuses_changes_nothing(self, vault: Vault, vault_path: Path) -> None:
        """The change fails in one sentence, what was there stays."""
        await vault.set("A", "first-value")
        rows: Any = vault._rows
        await rows._all("pragma max_page_count=1")

        with pytest.raises(SecretError, match=f"^the vault {vault_path} cannot be used: database or disk is full$"):
            await vault.set("B", "x" * 60_000)

        assert await vault.resolve(A) == {"A": "first-value"}
        assert [info.name for info in await vault.list()] == ["A"]

    async def test_two_that_make_the_vault_at_once_share_one(self, vault_path: Path, master: MasterKey) -> None:
        """The second finds what the first made."""
        done = []

        async def work(name: str) -> None:
            async with open_vault(vault_path, master, clock=SystemClock()) as vault:
                await vault.set(name, "first-value")
                done.append(name)

        async with anyio.create_task_group() as tasks:
            for name in ("A", "B", "C"):
                tasks.start_soon(work, name)

        async with open_vault(vault_path, master, clock=SystemClock()) as vault:
            assert [info.name for info in await vault.list()] == sorted(done) == ["A", "B", "C"]


class TestSealedUntilAsked:
    async def test_what_is_listed_is_not_decrypted(self, vault: Vault, vault_path: Path, master: MasterKey) -> None:
        """Opening and listing open no value; resolving opens the one that is named; what masks opens all."""
        for name in ("A", "B"):
            await vault.set(name, f"first-value-of-{name}")
        async with open_vault(vault_path, master, clock=SystemClock()) as other:
            await other.list()
            assert opened(other) == {"A": False, "B": False}
            await other.resolve(frozenset({"A"}))
            assert opened(other) == {"A": True, "B": False}
            assert dict(other.content.every) == {"A": ("first-value-of-A",), "B": ("first-value-of-B",)}
            assert opened(other) == {"A": True, "B": True}

            await vault.set("A", "second-value-of-A")
            await other.list()
            assert opened(other) == {"A": False, "B": True}


def opened(vault: Vault) -> dict[str, bool]:
    """Of each secret whether its current value lies open in this process."""
    return {name: cells.current._unseal is None for name, cells in vault.content.cells.items()}
