"""A key that does not fit: one sentence, and not a byte of any file changes."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runner.clock import SystemClock
from runner.errors import RunnerError, StoreFormatError, VaultKeyError
from runner.secrets.keys import MasterKey, new_master_key, parse
from runner.secrets.vault import Vault, open_vault
from tests.integration.secrets.disk import hashes


@pytest.fixture
async def filled(vault_path: Path, master: MasterKey) -> Path:
    """A vault with one secret, closed."""
    async with open_vault(vault_path, master, clock=SystemClock()) as vault:
        await vault.set("A", "first-value-of-a")
    return vault_path


async def sentence(path: Path, key: str) -> str:
    """What a start with this key says."""
    with pytest.raises(VaultKeyError) as raised:
        async with open_vault(path, parse(key), clock=SystemClock()):
            pass
    assert raised.value.__cause__ is None
    return str(raised.value)


def typo(key: str, position: int) -> str:
    return key[:position] + ("q" if key[position] != "q" else "p") + key[position + 1 :]


GOOD = new_master_key()


class TestWrongKey:
    @pytest.mark.parametrize(
        ("key", "message"),
        [
            (new_master_key(), "The master key does not open the vault {path}: it was made with another key."),
            (
                "correct horse battery staple",
                "The master key does not open this vault: the vault's is a random one, this is a passphrase one.",
            ),
            ("", "The master key is empty: set dashboard.master_key, or make one with `runner init`."),
            (
                "canary",
                "The master key is too short: expected one that `runner init` writes, or at least 16 characters.",
            ),
            ("your-secure-master-key", "The master key is a sample or easy to guess: make one with `runner init`."),
            (
                typo(GOOD, 30),
                "The master key is not one that `runner init` wrote: it is cut off, or a character of it is wrong.",
            ),
            (
                GOOD[:-1],
                "The master key is not one that `runner init` wrote: it is cut off, or a character of it is wrong.",
            ),
            (
                GOOD.replace("runner-key-1-", "runner-key-2-"),
                "The master key is not one that `runner init` wrote: it is of a kind that this version does not know.",
            ),
        ],
        ids=["another", "a-passphrase", "empty", "short", "sample", "typo", "cut-off", "unknown-kind"],
    )
    async def test_is_said_in_one_sentence_and_writes_nothing(self, key: Any, message: Any, filled: Any) -> None:
        """A wrong, empty, short, sample or mistyped key; the sentence does not repeat it."""
        before = hashes(filled.parent)

        said = await sentence(filled, key)

        assert said == message.format(path=filled)
        assert hashes(filled.parent) == before
        assert not key or key not in said

    async def test_the_key_of_another_vault_writes_nothing(self, filled: Any, tmp_path: Path) -> None:
        """It is a good key, for something else."""
        other = new_master_key()
        async with open_vault(tmp_path / "other.db", parse(other), clock=SystemClock()):
            pass
        before = hashes(filled.parent)

        said = await sentence(filled, other)

        assert said.endswith("it was made with another key.")
        assert hashes(filled.parent) == before

    async def test_a_passphrase_that_is_another_writes_nothing(self, vault_path: Path) -> None:
        """The stretched key does not fit."""
        async with open_vault(vault_path, parse("a passphrase of one kind"), clock=SystemClock()):
            pass
        before = hashes(vault_path.parent)

        said = await sentence(vault_path, "a passphrase of two kind")

        assert said.endswith("it was made with another key.")
        assert hashes(vault_path.parent) == before

    async def test_what_a_kill_left_in_the_wal_stays_there(
        self, vault: Vault, vault_path: Path, tmp_path: Path
    ) -> None:
        """It is not moved into the database by somebody without the key."""
        await vault.set("A", "first-value-of-a")
        left = shutil.copytree(vault_path.parent, tmp_path / "left")
        (left / "runner.db-shm").unlink()
        before = {name: digest for name, digest in hashes(left).items() if not name.endswith("-shm")}
        assert "runner.db-wal" in before

        await sentence(left / "runner.db", new_master_key())

        assert {name: digest for name, digest in hashes(left).items() if not name.endswith("-shm")} == before

    async def test_nothing_is_written_while_another_process_has_it_open(self, vault: Vault, vault_path: Path) -> None:
        """There is a WAL then, and it stays as it was."""
        await vault.set("A", "first-value-of-a")
        before = {name: digest for name, digest in hashes(vault_path.parent).items() if not name.endswith("-shm")}

        await sentence(vault_path, new_master_key())

        assert {name: hashes(vault_path.parent)[name] for name in before} == before
        assert await vault.resolve(frozenset({"A"})) == {"A": "first-value-of-a"}


class TestNotAVault:
    async def test_somebody_elses_database_is_left_alone(self, tmp_path: Path, master: MasterKey) -> None:
        """`[sqlite] path` points at a file of another program."""
        path = tmp_path / "theirs.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("create table theirs (x)")
        before = hashes(tmp_path)

        with pytest.raises(StoreFormatError, match="is a database, but not a vault of Runner"):
            async with open_vault(path, master, clock=SystemClock()):
                pass

        assert hashes(tmp_path) == before

    @pytest.mark.parametrize("content", [b"not a database at all" * 100, b"x"])
    async def test_a_file_that_is_no_database_is_left_alone(
        self, content: Any, tmp_path: Path, master: MasterKey
    ) -> None:
        """One sentence, nothing written."""
        path = tmp_path / "text"
        path.write_bytes(content)

        with pytest.raises(StoreFormatError, match="cannot be read as a vault"):
            async with open_vault(path, master, clock=SystemClock()):
                pass

        assert path.read_bytes() == content

    async def test_a_vault_of_a_newer_version_is_left_alone(self, filled: Any, master: MasterKey) -> None:
        """An older binary says so in one sentence."""
        with closing(sqlite3.connect(filled)) as connection:
            connection.execute("pragma user_version=3")
        before = hashes(filled.parent)

        with pytest.raises(StoreFormatError, match=re.escape("newer version of Runner (vault format 3, known is 2)")):
            async with open_vault(filled, master, clock=SystemClock()):
                pass

        assert hashes(filled.parent) == before

    @pytest.mark.parametrize("pragmas", [(), ("journal_mode=wal",), ("user_version=0", "application_id=0")])
    async def test_what_was_left_of_a_start_that_was_killed_is_made_whole(
        self, pragmas: tuple[str, ...], tmp_path: Path, master: MasterKey
    ) -> None:
        """An empty file, or a database without tables, becomes a vault."""
        path = tmp_path / "runner.db"
        with closing(sqlite3.connect(path)) as connection:
            for pragma in pragmas:
                connection.execute(f"pragma {pragma}")

        async with open_vault(path, master, clock=SystemClock()) as vault:
            assert await vault.list() == []

    async def test_a_folder_that_cannot_be_written_is_said(self, tmp_path: Path, master: MasterKey) -> None:
        """With the path and what the system said."""
        (tmp_path / "file").write_text("")

        with pytest.raises(RunnerError, match="cannot be"):
            async with open_vault(tmp_path / "file" / "runner.db", master, clock=SystemClock()):
                pass
