"""
What the file of a vault is: its format, its head, its statements and scripts.

    read_head(path)    read-only, writes nothing; None where there is no vault yet
    read_log(path)     the same of the manifest and the audit log
    copy_of_format()   the private, empty file that an older vault is copied to before it is changed

`runner.secrets.vault` reads the head before anything is written, `runner.secrets.sqlite_rows` does the rest.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import quote

import anyio.to_thread

from runner.errors import StoreFormatError
from runner.secrets.files import make_private
from runner.secrets.rows import AuditHead, AuditRow, Head, Manifest

APPLICATION: Final = 0x52756E56
"""`RunV` in the file's header: this is a vault of Runner."""

FORMAT: Final = 2
_SMALLEST: Final = 512
"""Bytes of SQLite's smallest page; what is shorter it takes for an empty database, and would overwrite it."""

_BUSY: Final = 2.0
"""Seconds that SQLite itself waits for another process's transaction."""


@cache
def statements() -> dict[str, str]:
    """The statements of vault.sql by name; a constant of the package, read once."""
    pieces = (piece.partition("\n") for piece in _text("vault").split("-- name: ")[1:])
    return {name.strip(): body.strip() for name, _, body in pieces}


def script(name: str) -> list[str]:
    """The statements of `schema.sql` or `upgrade.sql`."""
    return [statement for statement in _text(name).split(";\n") if statement.strip()]


def copy_of_format(path: Path, found: int) -> Path:
    """A new, empty, private file beside the vault, `runner.db.format-1.1`. Raises SecretError."""
    number = 1
    while not make_private(copy := path.with_name(f"{path.name}.format-{found}.{number}")):
        number += 1
    return copy


async def read_head(path: Path) -> Head | None:
    """
    What the vault at `path` is, None where there is none yet; not a byte of the file is written.

    Raises StoreFormatError for a file that is no vault or of a newer version.
    """
    return await anyio.to_thread.run_sync(_read_head, path)


async def read_log(path: Path, *, noted: int | None = None) -> tuple[Manifest, tuple[AuditRow, ...]] | None:
    """
    The manifest and the audit log of the vault at `path`, None where there is no log yet; nothing is written. With
    `noted`: its last two rows and the one of that number.

    Raises StoreFormatError for a file that is no vault or of a newer version.
    """
    return await anyio.to_thread.run_sync(_read_log, path, noted)


def _read_head(path: Path) -> Head | None:
    with _looked_into(path) as connection:
        if connection is None:
            return None
        found = _check_format(path, connection)
        row = connection.execute(statements()["head" if found == FORMAT else "head_of_format_1"]).fetchone()
        return Head(*row) if row else None


def _read_log(path: Path, noted: int | None) -> tuple[Manifest, tuple[AuditRow, ...]] | None:
    of = statements()
    with _looked_into(path) as connection:
        if connection is None or _check_format(path, connection) != FORMAT:
            return None
        connection.execute("begin")
        generation, content, code, *end = connection.execute(of["manifest"]).fetchone()
        asked = ("audit_rows", ()) if noted is None else ("audit_tail", (noted,))
        rows = connection.execute(of[asked[0]], asked[1]).fetchall()
    return Manifest(generation, content, code, AuditHead(*end)), tuple(AuditRow(*row) for row in rows)


@contextmanager
def _looked_into(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection that only reads; None where nothing lies in the file yet."""
    size = path.stat().st_size if path.exists() else 0
    if not size:
        yield None
        return
    if size < _SMALLEST:
        raise StoreFormatError(f"{path} cannot be read as a vault: it is no database")
    wal = path.with_name(path.name + "-wal")
    lonely = not wal.exists() or not wal.stat().st_size
    url = f"file:{quote(str(path))}?mode=ro{'&immutable=1' if lonely else ''}"
    connection = sqlite3.connect(url, uri=True, isolation_level=None, timeout=_BUSY)
    try:
        is_empty = not connection.execute("select count(*) from sqlite_master").fetchone()[0]
        yield None if is_empty else connection
    except sqlite3.DatabaseError as error:
        raise StoreFormatError(f"{path} cannot be read as a vault: {error}") from None
    finally:
        connection.close()


def _check_format(path: Path, connection: sqlite3.Connection) -> int:
    if connection.execute("pragma application_id").fetchone()[0] != APPLICATION:
        raise StoreFormatError(f"{path} is a database, but not a vault of Runner: give [sqlite] path a file of its own")
    version: int = connection.execute("pragma user_version").fetchone()[0]
    if version > FORMAT:
        raise StoreFormatError(
            f"{path} was made by a newer version of Runner (vault format {version}, known is {FORMAT})"
        )
    return version


def _text(name: str) -> str:
    return resources.files("runner.secrets").joinpath(f"sql/{name}.sql").read_text("utf-8")
