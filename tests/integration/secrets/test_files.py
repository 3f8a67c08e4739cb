"""Files of secrets are their owner's alone, from their first byte on."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from runner.errors import SecretError, VaultKeyError
from runner.secrets.files import complaints, make_private
from runner.secrets.key_file import read_key_file
from runner.secrets.vault import Vault


def mode(path: Path) -> Any:
    return stat.S_IMODE(path.stat().st_mode)


class TestModes:
    @pytest.fixture(autouse=True)
    def _open_umask(self) -> Any:
        """Modes do not hang on what the shell says."""
        before = os.umask(0)
        yield
        os.umask(before)

    async def test_the_vault_its_companions_and_its_folder_are_private(self, vault: Vault, vault_path: Path) -> None:
        """SQLite gives -wal and -shm the mode of the database, so that one has to be right before it sees it."""
        await vault.set("A", "first-value-of-a")

        assert {path.name: mode(path) for path in vault_path.parent.iterdir()} == {
            "runner.db": 0o600,
            "runner.db-wal": 0o600,
            "runner.db-shm": 0o600,
        }
        assert mode(vault_path.parent) == 0o700
        assert complaints(vault_path) == ()

    def test_the_key_file_is_private_and_made_once(self, tmp_path: Path) -> None:
        """A second start reads what the first one made."""
        path = tmp_path / "data" / "runner.key"

        first, second = read_key_file(path, make=True), read_key_file(path, make=True)

        assert first == second
        assert mode(path) == 0o600
        assert path.read_text().startswith("runner-key-1-")

    def test_a_file_that_lies_there_is_never_overwritten(self, tmp_path: Path) -> None:
        """Nor is a link followed."""
        path, link = tmp_path / "file", tmp_path / "link"
        path.write_text("theirs")
        link.symlink_to(tmp_path / "elsewhere")

        assert [make_private(path, b"ours"), make_private(link, b"ours")] == [False, False]
        assert path.read_text() == "theirs"
        assert not (tmp_path / "elsewhere").exists()

    def test_what_is_too_open_is_said_with_its_cure(self, tmp_path: Path) -> None:
        """For the database, its WAL and the folder."""
        path = tmp_path / "runner.db"
        path.touch(0o644)
        (tmp_path / "runner.db-wal").touch(0o660)
        tmp_path.chmod(0o777)

        said = complaints(path)

        assert [line.rpartition(": ")[2] for line in said] == [
            f"chmod 600 {path}",
            f"chmod 600 {path}-wal",
            f"chmod 700 {tmp_path}",
        ]

    def test_a_folder_that_cannot_be_made_is_said(self, tmp_path: Path) -> None:
        """With the path."""
        (tmp_path / "file").touch()

        with pytest.raises(SecretError, match=r"file/x/runner.db cannot be made: Not a directory"):
            make_private(tmp_path / "file" / "x" / "runner.db")


class TestKeyFile:
    def test_without_leave_none_is_made(self, tmp_path: Path) -> None:
        """With a vault there is no need of it."""
        assert read_key_file(tmp_path / "runner.key", make=False) is None
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("content", [b"", b"\xff", b"canary-not-a-key-at-all", b"runner-key-1-qqqq", b"x" * 5000])
    def test_a_broken_one_is_said_and_not_replaced(self, content: Any, tmp_path: Path) -> None:
        """What was sealed under it would be lost."""
        path = tmp_path / "runner.key"
        path.write_bytes(content)

        with pytest.raises(VaultKeyError, match="holds no key that Runner wrote") as raised:
            read_key_file(path, make=True)

        assert path.read_bytes() == content
        assert "canary" not in str(raised.value)
