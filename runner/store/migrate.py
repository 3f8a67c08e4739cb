"""
Brings a store's file to the format of this version: forward only, in one transaction, after a copy.

    empty file ──► every script               older ──► VACUUM INTO a copy (0600) ──► the scripts it lacks
    newer, or no store ──► StoreFormatError, nothing written

The format is `user_version`; `application_id` tells that the file is a store at all. Called by `runner.store.sqlite`.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from runner.errors import StoreFormatError
from runner.store.files import private
from runner.store.statements import load, split
from runner.sync import sync

APPLICATION: Final = 0x52756E72
"""`Runr`: marks the file as a store of Runner's."""


def migrate(connection: sqlite3.Connection, path: Path, scripts: Sequence[str]) -> Path | None:
    """
    Bring the file at `path` to the format `len(scripts)`; returns the copy that was made of an older one.

    `connection` is open on it in autocommit mode. Raises StoreFormatError.
    """
    found = _format(connection, path)
    if found > len(scripts):
        message = (
            f"{path}: a newer version of Runner wrote this store (format {found}, this one reads up to {len(scripts)})"
        )
        raise StoreFormatError(message + ": start that version, or restore the copy made before it")
    if found == 0:
        connection.execute(load("opening")["new_file"])
    copy = _copy(connection, path, found) if 0 < found < len(scripts) else None
    connection.execute(load("opening")["wal"])
    if found < len(scripts):
        _apply(connection, scripts[found:], len(scripts))
    return copy


def _format(connection: sqlite3.Connection, path: Path) -> int:
    """The file's format; 0 for a file with nothing in it."""
    try:
        application, found, tables = connection.execute(load("opening")["format"]).fetchone()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise StoreFormatError(f"{path}: this is no store but some other file: {error}") from None
    if (application, found, tables) == (0, 0, 0):
        return 0
    if application != APPLICATION or found < 1:
        raise StoreFormatError(f"{path}: this is a database, but not a store of runs")
    return int(found)


def _copy(connection: sqlite3.Connection, path: Path, found: int) -> Path:
    """A whole copy of the store beside it, private before its first byte and on disk before the migration begins."""
    number = 1
    while (copy := path.with_name(f"{path.name}.format-{found}.{number}")).exists():
        number += 1
    private(copy, new=True)
    connection.execute("vacuum into ?", (str(copy),))
    for name in (copy, copy.parent):
        sync(name)
    return copy


def _apply(connection: sqlite3.Connection, scripts: Sequence[str], to: int) -> None:
    connection.execute("begin exclusive")
    try:
        for script in scripts:
            for statement in split(script):
                connection.execute(statement)
        connection.execute(f"pragma application_id = {APPLICATION}")
        connection.execute(f"pragma user_version = {to}")
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
