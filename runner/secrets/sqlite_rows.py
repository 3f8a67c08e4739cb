"""
The vault's rows in a SQLite file of their own.

    read_head(path)   read-only, writes nothing
    open_rows(path) ──► SqliteRows: aiosqlite for rows, one bare connection for `stamp`

`runner.secrets.vault` uses it through `VaultRows`. A change by another process is seen by the generation, which is read
on a bare connection outside of any transaction (some 10 µs; through aiosqlite it is 300), a restored file by its inode.
`secure_delete` is on everywhere, so that what is deleted is overwritten, and `erase` empties the WAL, where copies lie.
"""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiosqlite
import anyio
import anyio.to_thread

from runner.errors import SecretError, StoreFormatError
from runner.secrets.files import make_private
from runner.secrets.rows import Change, Head, Manifest, SecretRow, Snapshot, Stamp, TombstoneRow, VersionRow

APPLICATION: Final = 0x52756E56
"""`RunV` in the file's header: this is a vault of Runner."""

FORMAT: Final = 1
_SMALLEST: Final = 512
"""Bytes of SQLite's smallest page; what is shorter it takes for an empty database, and would overwrite it."""

_BUSY: Final = 2.0
"""Seconds that SQLite itself waits for another process's transaction."""

_AGAIN: Final = 0.01
"""Seconds until a change to WAL that met another one is tried again."""


@cache
def statements() -> dict[str, str]:
    """The statements of vault.sql by name; a constant of the package, read once."""
    text = resources.files("runner.secrets").joinpath("sql/vault.sql").read_text("utf-8")
    pieces = (piece.partition("\n") for piece in text.split("-- name: ")[1:])
    return {name.strip(): body.strip() for name, _, body in pieces}


async def read_head(path: Path) -> Head | None:
    """
    What the vault at `path` is, None where there is none yet; not a byte of the file is written.

    Raises StoreFormatError for a file that is no vault or of a newer version.
    """
    return await anyio.to_thread.run_sync(_read_head, path)


def _read_head(path: Path) -> Head | None:
    size = path.stat().st_size if path.exists() else 0
    if not size:
        return None
    if size < _SMALLEST:
        raise StoreFormatError(f"{path} cannot be read as a vault: it is no database")
    wal = path.with_name(path.name + "-wal")
    lonely = not wal.exists() or not wal.stat().st_size
    url = f"file:{quote(str(path))}?mode=ro{'&immutable=1' if lonely else ''}"
    connection = sqlite3.connect(url, uri=True, isolation_level=None, timeout=_BUSY)
    try:
        if not connection.execute("select count(*) from sqlite_master").fetchone()[0]:
            return None
        _check_format(path, connection)
        row = connection.execute(statements()["head"]).fetchone()
        return Head(*row) if row else None
    except sqlite3.DatabaseError as error:
        raise StoreFormatError(f"{path} cannot be read as a vault: {error}") from None
    finally:
        connection.close()


def _check_format(path: Path, connection: sqlite3.Connection) -> None:
    if connection.execute("pragma application_id").fetchone()[0] != APPLICATION:
        raise StoreFormatError(f"{path} is a database, but not a vault of Runner: give [sqlite] path a file of its own")
    version = connection.execute("pragma user_version").fetchone()[0]
    if version > FORMAT:
        raise StoreFormatError(
            f"{path} was made by a newer version of Runner (vault format {version}, known is {FORMAT})"
        )


@asynccontextmanager
async def open_rows(path: Path, make: tuple[Head, Manifest] | None = None) -> AsyncIterator["SqliteRows"]:
    """
    The rows of the vault at `path`. With `make` a new vault is made first, unless another process was faster.

    Raises SecretError where the file cannot be made or opened.
    """
    if make is not None:
        make_private(path)
    async with AsyncExitStack() as stack:
        rows = SqliteRows(path)
        stack.push_async_callback(rows.close)
        with _told(path):
            await rows.connect()
            if make is not None:
                await rows.make(*make)
        yield rows


class SqliteRows:
    """One file's rows; opened again when another file lies in its place. One transaction at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: aiosqlite.Connection | None = None
        self._bare: sqlite3.Connection | None = None
        self._generation = statements()["generation"]
        self._file = (0, 0)
        self._lock = anyio.Lock()

    async def connect(self) -> None:
        """Open both connections, in the place of those that were open."""
        await self.close()
        self._file = self._lies_there()
        url = f"file:{quote(str(self._path))}?mode=rw"
        self._rows = await aiosqlite.connect(url, uri=True, isolation_level=None, timeout=_BUSY)
        await self._to_wal()
        for pragma in ("synchronous=full", "secure_delete=on", "foreign_keys=on"):
            await self._all(f"pragma {pragma}")
        self._bare = sqlite3.connect(url, uri=True, isolation_level=None, timeout=0, cached_statements=4)

    async def close(self) -> None:
        """Close both connections."""
        with anyio.CancelScope(shield=True):
            if self._bare is not None:
                self._bare.close()
            if self._rows is not None:
                await self._rows.close()
        self._bare = self._rows = None

    async def make(self, head: Head, manifest: Manifest) -> None:
        """Tables, head and manifest in one transaction, unless they are there."""
        schema = resources.files("runner.secrets").joinpath("sql/schema.sql").read_text("utf-8")
        async with self._transaction():
            if (await self._all("select count(*) from sqlite_master"))[0][0]:
                return
            for statement in filter(str.strip, schema.split(";\n")):
                await self._run(statement)
            await self._run(f"pragma application_id={APPLICATION}")
            await self._run(f"pragma user_version={FORMAT}")
            await self._run(
                statements()["make_head"], head.vault, head.derivation, head.salt, head.check, head.created_at
            )
            await self._run(statements()["make_manifest"], manifest.generation, manifest.content, manifest.mac)

    def stamp(self) -> Stamp:
        """See `VaultRows`."""
        device, inode = self._lies_there()
        if (device, inode) != self._file:
            return Stamp(device, inode, -1)
        assert self._bare is not None
        try:
            return Stamp(device, inode, self._bare.execute(self._generation).fetchone()[0])
        except sqlite3.Error:
            return Stamp(device, inode, -1)

    async def snapshot(self) -> tuple[Stamp, Snapshot]:
        """See `VaultRows`."""
        async with self._alone():
            if self._lies_there() != self._file:
                await self.connect()
            async with self._transaction("begin"):
                snapshot = await self._read()
            return Stamp(*self._file, snapshot.manifest.generation), snapshot

    async def change(self, decide: Callable[[Snapshot], Change]) -> Change:
        """See `VaultRows`."""
        async with self._alone(), self._transaction():
            change = await anyio.to_thread.run_sync(decide, await self._read())
            for name, values in _writes(change):
                await self._run(statements()[name], *values)
        return change

    async def erase(self) -> bool:
        """See `VaultRows`."""
        async with self._alone():
            ((busy, _, _),) = await self._all("pragma wal_checkpoint(truncate)")
        return not busy

    async def _to_wal(self) -> None:
        """Where two change a new file to WAL at once, SQLite tells one of them at once that it is locked: ask again."""
        deadline = anyio.current_time() + _BUSY
        while True:
            try:
                await self._all("pragma journal_mode=wal")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or anyio.current_time() > deadline:
                    raise
                await anyio.sleep(_AGAIN)
            else:
                return

    async def _read(self) -> Snapshot:
        of = statements()
        return Snapshot(
            Manifest(*(await self._all(of["manifest"]))[0]),
            tuple(SecretRow(*row) for row in await self._all(of["secrets"])),
            tuple(VersionRow(*row) for row in await self._all(of["versions"])),
            tuple(TombstoneRow(*row) for row in await self._all(of["tombstones"])),
        )

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """One at a time on the connection, and never cut off between two statements."""
        async with self._lock:
            with anyio.CancelScope(shield=True), _told(self._path):
                yield

    @asynccontextmanager
    async def _transaction(self, begin: str = "begin immediate") -> AsyncIterator[None]:
        await self._run(begin)
        try:
            yield
            await self._run("commit")
        except BaseException:
            with suppress(sqlite3.Error):
                await self._run("rollback")
            raise

    async def _all(self, statement: str) -> list[tuple[Any, ...]]:
        assert self._rows is not None
        return [tuple(row) for row in await self._rows.execute_fetchall(statement)]

    async def _run(self, statement: str, *values: object) -> None:
        assert self._rows is not None
        await (await self._rows.execute(statement, values)).close()

    def _lies_there(self) -> tuple[int, int]:
        try:
            found = os.stat(self._path)  # noqa: PTH116  a microsecond less, before every resolve
        except OSError as error:
            raise SecretError(f"the vault {self._path} cannot be found: {error.strerror}") from None
        return found.st_dev, found.st_ino


def _writes(change: Change) -> Iterable[tuple[str, tuple[object, ...]]]:
    if (secret := change.secret) is not None:
        yield "put_secret", _values(secret)
    if (version := change.version) is not None:
        yield "put_version", _values(version)
    if (tombstone := change.tombstone) is not None:
        yield "remove_versions", (tombstone.secret,)
        yield "remove_secret", (tombstone.secret,)
        yield "put_tombstone", _values(tombstone)
    yield "put_manifest", _values(change.manifest)


def _values(row: SecretRow | VersionRow | TombstoneRow | Manifest) -> tuple[object, ...]:
    return tuple(getattr(row, field) for field in row.__struct_fields__)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say in one sentence that the file could not be used; SQLite's own words hold no values."""
    try:
        yield
    except sqlite3.Error as error:
        raise SecretError(f"the vault {path} cannot be used: {error}") from None
