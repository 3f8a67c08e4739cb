"""
The file of a backup: a tar archive of a few known members, and nothing else is taken out of one.

    pack(folder, archive, …) ──► manifest.json, runs.db, vault.db, catalog.json     unpack(archive, folder) ──► Manifest

The manifest stands first and says the format, when it was made, and size and SHA-256 of every other member. The master
key and `runner.key` are never in it. `runner.daemon.backup` writes one, `runner.daemon.restore` reads one.
"""

import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import IO, Final

import msgspec

from runner.errors import StoreFormatError
from runner.store.files import private

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
RUNS: Final = "runs.db"
VAULT: Final = "vault.db"
CATALOG: Final = "catalog.json"
MEMBERS: Final = (RUNS, VAULT, CATALOG)

_CHUNK: Final = 1 << 20


class Member(msgspec.Struct, frozen=True):
    """What a member has to be, byte for byte."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself. `made_at` is ISO 8601 in UTC."""

    format: int = FORMAT
    made_at: str
    runner: str
    files: dict[str, Member]


def pack(folder: Path, archive: Path, *, made_at: str, runner: str) -> Manifest:
    """The members that lie in `folder` as a new file, private from its first byte and on disk when this returns."""
    there = [name for name in MEMBERS if (folder / name).exists()]
    manifest = Manifest(made_at=made_at, runner=runner, files={name: _member(folder / name) for name in there})
    with os.fdopen(os.open(archive, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            said = msgspec.json.encode(manifest)
            head = tarfile.TarInfo(MANIFEST)
            head.size, head.mode = len(said), 0o600
            tar.addfile(head, io.BytesIO(said))
            for name in there:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = manifest.files[name].size, 0o600
                with (folder / name).open("rb") as content:
                    tar.addfile(entry, content)
        file.flush()
        os.fsync(file.fileno())
    return manifest


def unpack(archive: Path, folder: Path) -> Manifest:
    """
    The members of a backup as private files in `folder`, each checked against the manifest.

    Raises StoreFormatError for anything that is no whole backup, or one of a newer version.
    """
    try:
        with tarfile.open(archive, mode="r:") as tar:
            first = tar.next()
            said = tar.extractfile(first) if first is not None and first.name == MANIFEST else None
            if said is None:
                raise StoreFormatError(f"{archive}: this is no backup of Runner: it does not begin with a manifest")
            manifest = msgspec.json.decode(said.read(_CHUNK), type=Manifest)
            if manifest.format > FORMAT:
                raise StoreFormatError(
                    f"{archive}: a newer version of Runner ({manifest.runner}) made this backup: restore it with that"
                )
            if unknown := set(manifest.files) - set(MEMBERS):
                raise StoreFormatError(f"{archive}: this is no whole backup of Runner: {len(unknown)} unknown members")
            for name in MEMBERS:
                if name in manifest.files:
                    content = tar.extractfile(name)
                    if content is None or _taken(content, folder / name) != manifest.files[name]:
                        raise StoreFormatError(f"{archive}: {name} in this backup is not what was backed up")
    except OSError as error:
        raise StoreFormatError(f"{archive} cannot be read: {error.strerror or error}") from None
    except (tarfile.TarError, KeyError, msgspec.MsgspecError, EOFError) as error:
        raise StoreFormatError(f"{archive}: this is no whole backup of Runner: {type(error).__name__}") from None
    if RUNS not in manifest.files and VAULT not in manifest.files:
        raise StoreFormatError(f"{archive}: there is no database in this backup")
    return manifest


def _member(path: Path) -> Member:
    with path.open("rb") as file:
        return Member(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _taken(content: IO[bytes], path: Path) -> Member:
    private(path, new=True)
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            size += file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return Member(size, digest.hexdigest())
