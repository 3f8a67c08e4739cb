"""
`runner backup FILE`: a consistent copy of both databases in one file, while runs go on.

    runs ──copy──► vault ──copy──► last good catalog ──► one archive, 0600 from its first byte ──► FILE, or nothing

The runs are copied first: the vault that follows knows every secret version that they name. The daemon does it where
one runs, asked over its control socket; else the command itself under the store's lock. FILE is never replaced.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from runner import __version__
from runner.clock import Clock, iso
from runner.daemon.archive import CATALOG, RUNS, VAULT, pack
from runner.daemon.kept import kept_path
from runner.errors import StoreError
from runner.settings import Settings
from runner.store.copies import copy
from runner.sync import sync


async def back_up(settings: Settings, target: Path, clock: Clock) -> AsyncIterator[dict[str, Any]]:
    """
    Back up into `target`; a document after each step: what was copied and how many bytes it is, at the end the file.

    Raises StoreError where something lies at `target`, or it cannot be written.
    """
    await anyio.to_thread.run_sync(_check, target)
    try:
        folder = Path(await anyio.to_thread.run_sync(lambda: tempfile.mkdtemp("", f".{target.name}.", target.parent)))
    except OSError as error:
        raise StoreError(f"{target.parent} cannot be written: {error.strerror}") from None
    try:
        for name, source in ((RUNS, settings.sqlite.runs_path), (VAULT, settings.sqlite.path)):
            if source.exists():
                size = await anyio.to_thread.run_sync(copy, source, folder / name)
                yield {"copied": name, "bytes": size}
        if kept_path(settings).exists():
            shutil.copyfile(kept_path(settings), folder / CATALOG)
        made_at = iso(clock.wall())
        size = await anyio.to_thread.run_sync(_finish, folder, target, made_at)
        yield {"backup": str(target), "bytes": size, "made_at": made_at}
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))


def _check(target: Path) -> None:
    if os.path.lexists(target):
        raise StoreError(f"{target} is there already: a backup replaces nothing")
    if not target.parent.is_dir():
        raise StoreError(f"{target.parent} is not a folder: expected one to make the backup in")


def _finish(folder: Path, target: Path, made_at: str) -> int:
    """Pack, and put the whole archive at its place."""
    archive = folder / "archive"
    try:
        pack(folder, archive, made_at=made_at, runner=__version__)
        size = archive.stat().st_size
        os.link(archive, target)  # unlike a rename it replaces nothing
        sync(target.parent)
    except OSError as error:
        raise StoreError(f"{target} cannot be made: {error.strerror}") from None
    return size
