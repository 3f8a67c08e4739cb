"""The file of a backup, when it is not what it should be (`runner.daemon.archive`)."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.daemon.archive import FORMAT, MANIFEST, pack, unpack
from runner.errors import StoreFormatError


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A small one."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "runs.db").write_bytes(b"r" * 5000)
    (folder / "vault.db").write_bytes(b"v" * 700)
    pack(folder, tmp_path / "made.tar", made_at="2026-01-01T00:00:00.000Z", runner="1")
    return tmp_path / "made.tar"


def _flip(data: bytes) -> bytes:
    at = data.index(b"rrrr") + 2000
    return data[:at] + b"R" + data[at + 1 :]


def _other(name: str) -> Callable[[bytes], bytes]:
    def made(_: bytes) -> bytes:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(name))
        return file.getvalue()

    return made


def test_what_was_packed_comes_out(archive: Path, tmp_path: Path) -> None:
    """Byte for byte, with what the manifest says of it."""
    (tmp_path / "out").mkdir()

    manifest = unpack(archive, tmp_path / "out")

    assert (manifest.format, manifest.made_at, sorted(manifest.files)) == (
        FORMAT,
        "2026-01-01T00:00:00.000Z",
        ["runs.db", "vault.db"],
    )
    assert (tmp_path / "out" / "runs.db").read_bytes() == b"r" * 5000
    assert (tmp_path / "out" / "vault.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data[: len(data) // 4], "no whole backup|is not what was backed up|cannot be read"),
        (_flip, "runs.db in this backup is not what was backed up"),
        (lambda data: data.replace(b'"format":1', b'"format":9'), "a newer version of Runner"),
        (
            lambda data: data.replace(b'"files":{"runs.db"', b'"files":{"../x.db"'),
            "no whole backup of Runner: 1 unknown members",
        ),
        (lambda _: b"s3cret", "no whole backup"),
        (lambda _: b"", "no whole backup|does not begin"),
        (_other("../../evil"), "does not begin with a manifest"),
        (_other(MANIFEST), "no whole backup"),
    ],
    ids=["cut", "flipped", "newer", "other-name", "text", "empty", "path", "no-manifest"],
)
def test_what_is_no_whole_backup_is_refused(
    archive: Path, tmp_path: Path, spoil: Callable[[bytes], bytes], said: str
) -> None:
    """One sentence that names the file; nothing lands outside of the folder that was given."""
    archive.write_bytes(spoil(archive.read_bytes()))
    (tmp_path / "in" / "out").mkdir(parents=True)

    with pytest.raises(StoreFormatError, match=said) as refused:
        unpack(archive, tmp_path / "in" / "out")

    assert "s3cret" not in str(refused.value)
    assert {path.name for path in (tmp_path / "in").iterdir()} == {"out"}
