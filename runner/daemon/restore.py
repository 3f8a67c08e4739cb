"""
`runner restore FILE`: put a backup in the place of the databases, while no daemon runs.

    lock ──► unpack beside them ──► whole? ──► the key opens its vault? ──► held: unfinished runs cancelled, boot beyond
         ──► audited ──► what lay there is kept under a name with the date ──► each file takes its place at once

Nothing is touched before everything was checked. A kill in between leaves each file whole, the old or the new one; the
same command again finishes it.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.to_thread

from runner.clock import Clock, iso
from runner.daemon.archive import CATALOG, RUNS, VAULT, Manifest, unpack
from runner.daemon.kept import kept_path
from runner.errors import StoreError, StoreFormatError, VaultKeyError
from runner.marks import VaultMark
from runner.secrets.audit import AuditEntry
from runner.secrets.head import open_head
from runner.secrets.keys import parse
from runner.secrets.master_key import read_master_key
from runner.secrets.sqlite_file import read_head
from runner.secrets.vault import open_vault
from runner.settings import Settings
from runner.store import files
from runner.store.copies import boot_of, check, empty_wal, hold, note
from runner.sync import sync


class Restored(NamedTuple):
    """What came of it. `aside`: where the files that lay there are now."""

    made_at: str
    cancelled: int
    aside: tuple[Path, ...]


async def restore(settings: Settings, archive: Path, clock: Clock, *, resume: bool, by: str) -> Restored:
    """
    Restore `archive`. `by`: who does it, for the audit log.

    Raises StoreLockedError while a daemon runs, StoreFormatError, VaultKeyError, SecretError, StoreError.
    """
    runs, vault = settings.sqlite.runs_path, settings.sqlite.path
    await anyio.to_thread.run_sync(lambda: files.folder(runs, allow_network=settings.sqlite.network_filesystem))
    with files.lock(runs):
        folder = Path(await anyio.to_thread.run_sync(_fresh_folder, vault.parent))
        try:
            manifest = await anyio.to_thread.run_sync(_unpacked, archive, folder)
            mark: VaultMark | None = None
            if VAULT in manifest.files:
                mark = await _accept_vault(settings, folder / VAULT, manifest, clock, by)
            cancelled = 0
            if RUNS in manifest.files:
                seen = await anyio.to_thread.run_sync(boot_of, runs)
                made_at = manifest.made_at
                cancelled = await hold(folder / RUNS, clock, seen=seen, made_at=made_at, resume=resume)
            if mark is not None:
                await anyio.to_thread.run_sync(note, folder / RUNS if RUNS in manifest.files else runs, mark)
            places = {RUNS: runs, VAULT: vault, CATALOG: kept_path(settings)}
            moves = [(folder / name, places[name]) for name in manifest.files]
            aside = await anyio.to_thread.run_sync(_put, moves, iso(clock.wall()))
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))
    return Restored(manifest.made_at, cancelled, tuple(aside))


def _fresh_folder(beside: Path) -> Path:
    """Where to unpack to; what an earlier restore left that was killed goes."""
    for left in beside.glob(".restore-*"):
        shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp("", ".restore-", beside))


def _unpacked(archive: Path, folder: Path) -> Manifest:
    manifest = unpack(archive, folder)
    for name in (RUNS, VAULT):
        said = check(folder / name) if name in manifest.files else "ok"
        if said != "ok":
            raise StoreFormatError(f"{archive}: {name} in this backup is damaged: {said}")
    return manifest


async def _accept_vault(settings: Settings, path: Path, manifest: Manifest, clock: Clock, by: str) -> VaultMark:
    """Open the vault of the backup, write down in its audit log that it was restored; how it stands then comes back."""
    dashboard = settings.dashboard
    text = await read_master_key(
        text=dashboard.master_key, file=dashboard.master_key_file, command=dashboard.master_key_command
    )
    if text is None:
        raise VaultKeyError("The backup holds a vault and no master key is set: set the one that it was made with.")
    master, head = parse(text.reveal()), await read_head(path)
    if head is None:
        raise StoreFormatError("the vault of this backup is empty")
    try:
        await open_head(path, head, master)
    except VaultKeyError:
        raise VaultKeyError(
            f"The master key does not open the vault of the backup of {manifest.made_at}: "
            "it was made under another key. Nothing was changed."
        ) from None
    async with open_vault(path, master, clock=clock) as vault:
        await vault.audit(AuditEntry("restore", "vault", by, {"made_at": manifest.made_at}))
        return vault.mark


def _put(moves: list[tuple[Path, Path]], at: str) -> list[Path]:
    """Each file at its place; what lies there stays beside it."""
    stamp = at.replace(":", "").replace("-", "").partition(".")[0]
    aside = []
    try:
        for fresh, place in moves:
            if place.exists():
                aside.append(_keep(place, stamp))
            for suffix in ("-wal", "-shm"):  # of the file that lay there: the new one has none
                place.with_name(place.name + suffix).unlink(missing_ok=True)
            fresh.replace(place)
            sync(place.parent)
    except OSError as error:
        raise StoreError(f"{error.filename} cannot be put in its place: {error.strerror}") from None
    return aside


def _keep(place: Path, stamp: str) -> Path:
    number, kept = 1, place.with_name(f"{place.name}.before-{stamp}")
    while kept.exists():
        number, kept = number + 1, place.with_name(f"{place.name}.before-{stamp}.{number}")
    if place.suffix != ".json":
        empty_wal(place)
    os.link(place, kept)
    wal = place.with_name(place.name + "-wal")
    if wal.exists():
        os.link(wal, kept.with_name(kept.name + "-wal"))
    return kept
