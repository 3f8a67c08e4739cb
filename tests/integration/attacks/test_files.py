"""A workflow's file names lead to nothing that `[files] allow` does not name: by no link, no second name, no exchange."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.executors.http.files import read_file
from runner.executors.http.scalars import FieldError
from runner.ports import ExecutorLimits

SECRET = b"canary of somebody else's file"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An allowed folder, beside it a file that nobody may read, and one of the daemon's own."""
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "own.db").write_bytes(SECRET)
    (tmp_path / "files" / "sub").mkdir(parents=True)
    (tmp_path / "files" / "sub" / "secret").write_bytes(b"harmless")
    return tmp_path.resolve() / "files"


def limits(folder: Path, roots: tuple[str, ...] | None = None) -> ExecutorLimits:
    return ExecutorLimits(file_roots=roots or (str(folder),), own_files=(str(folder.parent / "own.db"),))


class TestFiles:
    @pytest.mark.parametrize(
        "name", ["../secret", "sub/../../secret", "link", "folder/secret", "hard", "pipe", "sub", "void\0x", "none"]
    )
    def test_nothing_else_is_read(self, name: str, folder: Path) -> None:
        """`..`, a link, a folder that is one, a second name of the daemon's own, a pipe, a folder, NUL, nothing."""
        (folder / "link").symlink_to(folder.parent / "secret")
        (folder / "folder").symlink_to(folder.parent)
        (folder / "hard").hardlink_to(folder.parent / "own.db")
        os.mkfifo(folder / "pipe")

        with pytest.raises(FieldError) as raised:
            read_file(f"{folder}/{name}", "multipart", limits(folder), 1000)

        assert "canary" not in str(raised.value)

    def test_a_folder_that_becomes_a_link_after_the_check_gives_nothing(self, folder: Path) -> None:
        """What was opened is looked at again, not only its name."""

        class Exchanges(tuple[str, ...]):
            """Allowed folders; whoever asks which they are gives the attacker an instant."""

            __slots__ = ()

            def __iter__(self) -> Iterator[str]:
                if not (folder / "sub").is_symlink():
                    (folder / "sub").rename(folder / "moved")
                    (folder / "sub").symlink_to(folder.parent)
                else:
                    (folder / "sub").unlink()
                    (folder / "moved").rename(folder / "sub")
                return super().__iter__()

        with pytest.raises(FieldError, match=r"is another file by now|outside"):
            read_file(f"{folder}/sub/secret", "multipart", limits(folder, Exchanges((str(folder),))), 1000)

    def test_a_file_that_is_allowed_is_read(self, folder: Path) -> None:
        """All of it, and no more than may be."""
        assert read_file(f"{folder}/sub/secret", "multipart", limits(folder), 8) == b"harmless"
        with pytest.raises(FieldError, match="larger than 7 bytes"):
            read_file(f"{folder}/sub/secret", "multipart", limits(folder), 7)
