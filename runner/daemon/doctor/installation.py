"""
Checks of what a person has set up: settings, master key, files and their modes, the disk below them.

    Patient ──► settings · key · key_place · files · folder · disk ──► Finding …

Each reads and changes nothing; `runner.daemon.doctor` lists them.
"""

import os
import shutil
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import DEVNULL
from typing import Final

import anyio
import anyio.to_thread

from runner.daemon.doctor.finding import Finding, Patient
from runner.daemon.folders import check_writable
from runner.errors import RunnerError, StoreError
from runner.secrets.files import complaints
from runner.secrets.head import open_head
from runner.secrets.keys import parse
from runner.secrets.master_key import read_master_key
from runner.secrets.sqlite_file import read_head
from runner.settings import Loaded
from runner.store.files import refuse_network, sizes

_LEAST: Final = 100_000_000
_LITTLE: Final = 1_000_000_000
_MEGA: Final = 1_000_000


async def settings(patient: Patient) -> AsyncIterator[Finding]:
    """What the settings were read from, and what there is to warn of."""
    for warning in patient.loaded.warnings:
        yield Finding("settings", "warning", warning, warning.rpartition(": ")[2])
    yield Finding("settings", "ok", f"read from {patient.loaded.path or 'variables and defaults'}")


async def key(patient: Patient) -> AsyncIterator[Finding]:
    """Whether the master key opens the vault."""
    dashboard, path = patient.loaded.settings.dashboard, patient.loaded.settings.sqlite.path
    try:
        text = await read_master_key(
            text=dashboard.master_key, file=dashboard.master_key_file, command=dashboard.master_key_command
        )
        head = await read_head(path)
        if text is None:
            cure = "set dashboard.master_key, or run `runner init` in a new folder"
            yield Finding("key", "warning", "no master key is set: everything but secrets works", cure)
            return
        master = parse(text.reveal())
        if head is None:
            yield Finding("key", "ok", "well formed; there is no vault yet")
            return
        await open_head(path, head, master)
    except RunnerError as error:
        yield Finding("key", "error", str(error), "set the master key that this vault was made with")
        return
    yield Finding("key", "ok", "opens the vault")


async def key_place(patient: Patient) -> AsyncIterator[Finding]:
    """Whether whoever gets the databases, or the repository, gets the key along with them."""
    loaded = patient.loaded
    data = loaded.settings.sqlite.path.parent
    is_right = True
    for path in _key_files(loaded):
        if path.resolve().is_relative_to(data.resolve()):
            is_right = False
            cure = f"move {path} out of {data}"
            yield Finding(
                "key_place", "warning", f"{path} lies beside the databases: a copy of the folder holds both", cure
            )
        if await _is_in_git(path):
            is_right = False
            cure = f"git rm --cached {path}, then runner secrets rotate-master-key"
            yield Finding("key_place", "error", f"{path} holds the master key and is in git", cure)
    if is_right:
        yield Finding("key_place", "ok", "the master key lies apart from the databases and in no repository")


async def files(patient: Patient) -> AsyncIterator[Finding]:
    """Modes and owners of everything that only the daemon's user should read."""
    of = patient.loaded.settings.sqlite
    keys = _key_files(patient.loaded)
    found = [complaint for path in (of.path, of.runs_path, of.key_path, *keys) for complaint in complaints(path)]
    for complaint in dict.fromkeys(found):
        yield Finding("files", "warning", *complaint.rsplit(": ", 1))
    owner = await anyio.to_thread.run_sync(_owner, of.path.parent)
    strange = [path for path in (of.path, of.runs_path, of.key_path) if path.exists() and _owner(path) != owner]
    for path in strange:
        mode = stat.S_IMODE(path.stat().st_mode)
        what = f"{path} is user {_owner(path)}'s (mode {mode:04o}) in a folder of user {owner}'s"
        yield Finding("files", "error", what, f"chown {owner} {path}")
    if not found and not strange:
        yield Finding("files", "ok", f"{of.path.parent}: only user {owner} can read what is in it")


async def folder(patient: Patient) -> AsyncIterator[Finding]:
    """Whether the data folder can be written to and SQLite's WAL is safe there."""
    of = patient.loaded.settings.sqlite
    try:
        check_writable(of.path.parent, "sqlite.path")
        refuse_network(of.path)
    except StoreError as error:
        state = "warning" if of.network_filesystem else "error"
        yield Finding("folder", "warning" if state == "warning" else "error", str(error), "move it to a local disk")
    except RunnerError as error:
        yield Finding("folder", "error", *str(error).rsplit(": ", 1))
    else:
        yield Finding("folder", "ok", f"{of.path.parent} can be written to, on a local disk")


async def disk(patient: Patient) -> AsyncIterator[Finding]:
    """Room for the runs to come, and for the copy that an upgrade or a backup makes."""
    path = patient.loaded.settings.sqlite.runs_path
    place = path.parent
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    needed = sum(sizes(path))
    said = f"{free / _MEGA:,.0f} MB are free at {place}, the runs take {needed / _MEGA:,.0f} MB"
    cure = f"make room at {place}, or shorten [runs] retention"
    if free < _LEAST:
        yield Finding("disk", "error", said, cure)
    elif free < max(_LITTLE, needed):
        yield Finding("disk", "warning", said, cure)
    else:
        yield Finding("disk", "ok", said)


def _key_files(loaded: Loaded) -> list[Path]:
    """Where the master key stands in a file: its own, or the configuration."""
    in_config = loaded.path if loaded.origins.get("dashboard.master_key") == str(loaded.path) else None
    return [path for path in (loaded.settings.dashboard.master_key_file, in_config) if path is not None]


def _owner(path: Path) -> int:
    return path.stat().st_uid if path.exists() else os.geteuid()


def _is_in_repository(path: Path) -> bool:
    return any((folder / ".git").exists() for folder in path.absolute().parents)


async def _is_in_git(path: Path) -> bool:
    """Asked of git alone where there is a repository; none of its hooks runs, and it is given no variable of ours."""
    if not _is_in_repository(path):
        return False
    git = ["git", "-C", str(path.parent), "-c", "core.fsmonitor=false"]
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    try:
        done = await anyio.run_process(
            [*git, "ls-files", "--error-unmatch", path.name], stdout=DEVNULL, stderr=DEVNULL, check=False, env=environ
        )
    except OSError:
        return False
    return done.returncode == 0
