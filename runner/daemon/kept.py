"""
The last good catalog on disk, so that a broken file has a version that works after a restart too (design §2.6).

    Catalog ──write_kept()──► runner-catalog.json beside runner.db, 0600, replaced as a whole ──read_kept()──► Catalog

`runner.daemon.catalogs` writes it at each swap; the command line reads it where no daemon runs.
"""

import os
from pathlib import Path

import msgspec

from runner.definitions.catalog import EMPTY, Catalog
from runner.errors import StoreFormatError
from runner.settings import Settings


def kept_path(settings: Settings) -> Path:
    """Where it lies: `runner-catalog.json` beside `runner.db`."""
    path = settings.sqlite.path
    return path.with_name(f"{path.stem}-catalog.json")


def read_kept(path: Path) -> Catalog:
    """What was kept, or an empty catalog where nothing was. Raises StoreFormatError for a file that is none."""
    try:
        return Catalog.decode(path.read_bytes())
    except FileNotFoundError:
        return EMPTY
    except (OSError, msgspec.MsgspecError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not what Runner wrote"
        raise StoreFormatError(f"{path}: the last good catalog cannot be read: {reason}") from None


def write_kept(path: Path, catalog: Catalog) -> None:
    """Replace what was kept; on disk when this returns. Raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(catalog.encode())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
