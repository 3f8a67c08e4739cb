"""Where the master key is read from, and what is said where it cannot be."""

import sys
from pathlib import Path
from typing import Any

import pytest

from runner.errors import VaultKeyError
from runner.secret import Secret
from runner.secrets.keys import new_master_key, parse
from runner.secrets.master_key import read_master_key

PYTHON = sys.executable


async def read(*, text: str | None = None, file: Path | None = None, command: str | None = None) -> str | None:
    wrapped = None if text is None else Secret(frozenset({"x"}), text)
    found = await read_master_key(text=wrapped, file=file, command=command)
    return None if found is None else found.reveal()


class TestReadMasterKey:
    async def test_none_is_none(self) -> None:
        """The daemon runs without a secret store then."""
        assert await read() is None

    @pytest.mark.parametrize("end", ["", "\n", "\r\n"])
    async def test_a_file_less_its_line_end(self, end: Any, tmp_path: Path) -> None:
        """As a mounted secret or an editor leaves it."""
        key = new_master_key()
        (tmp_path / "key").write_bytes(f"{key}{end}".encode())

        found = await read(file=tmp_path / "key")

        assert found == key
        assert parse(found).kind == "random"

    async def test_what_a_command_prints(self) -> None:
        """Run without a shell, its words split as a shell would."""
        assert await read(command=f"""{PYTHON} -c "print('a key of $HOME; 16')" """) == "a key of $HOME; 16"

    @pytest.mark.parametrize(
        ("command", "message"),
        [
            (
                f"{PYTHON} -c 'print(\"canary\"); raise SystemExit(3)'",
                f"The master key command {PYTHON} ended with status 3.",
            ),
            (f"{PYTHON} -c pass", f"The master key command {PYTHON} gave nothing."),
            (
                f"{PYTHON} -c 'import sys; sys.stdout.buffer.write(bytes([255]))'",
                f"The master key command {PYTHON} gave bytes that are not UTF-8.",
            ),
            ("/nowhere/pass show", "The master key command /nowhere/pass cannot be run: No such file or directory."),
            ("pass 'show", "dashboard.master_key_command: a quote is not closed."),
            ("  ", "dashboard.master_key_command: expected a command, found empty text."),
        ],
    )
    async def test_a_command_that_gives_no_key(self, command: Any, message: Any) -> None:
        """One sentence, with the command's name and nothing that it wrote."""
        with pytest.raises(VaultKeyError) as raised:
            await read(command=command)

        assert str(raised.value) == message

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, "cannot be read: No such file or directory."),
            (b"", "gave nothing."),
            (b"canary\xff", "gave bytes that are not UTF-8."),
            (b"x" * 65_537, ": expected at most 65536 bytes."),
        ],
    )
    async def test_a_file_that_gives_no_key(self, content: Any, message: Any, tmp_path: Path) -> None:
        """One sentence, with the path and none of the content."""
        path = tmp_path / "key"
        if content is not None:
            path.write_bytes(content)

        with pytest.raises(VaultKeyError) as raised:
            await read(file=path)

        assert str(raised.value) == f"The master key file {path}{'' if message[0] == ':' else ' '}{message}"
