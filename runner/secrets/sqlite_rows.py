"""
The vault's rows in a SQLite file of their own.

    open_rows(path) ──► SqliteRows: aiosqlite for rows, one bare connection for `stamp`
                    ──► make a new file, upgrade one of format 1 (after a copy), read, change, erase

`runner.secrets.vault` uses it through `VaultRows`. A change by another process is seen by the generation, which is read
on a bare connection outside of any transaction (some 10 µs; through aiosqlite it is 300), a restored file by its inode.
`secure_delete` is on everywhere, so that what is deleted is overwritten, and `erase` empties the WAL, where copies lie.
"""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiosqlite
import anyio
import anyio.to_thread

from runner.errors import SecretError
from runner.secrets.files import make_private
from runner.secrets.rows import (
    AuditFilter,
    AuditHead,
    AuditRow,
    Change,
    Head,
    Manifest,
    RingRow,
    SecretRow,
    Snapshot,
    Stamp,
    TombstoneRow,
    VersionRow,
    everything,
)
from runner.secrets.sqlite_file import APPLICATION, FORMAT, copy_of_format, script, statements

_BUSY: Final = 2.0
"""Seconds that SQLite itself waits for another process's transaction."""

_AGAIN: Final = 0.01
"""Seconds until a change to WAL that met another one is tried again."""


@asynccontextmanager
async def open_rows(path: Path, make: tuple[Head, Change] | None = None) -> AsyncIterator["SqliteRows"]:
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

    async def make(self, head: Head, change: Change) -> None:
        """Tables, head and what the vault begins with in one transaction, unless they are there."""
        async with self._transaction():
            if (await self._all("select count(*) from sqlite_master"))[0][0]:
                return
            await self._script("schema")
            await self._run(f"pragma application_id={APPLICATION}")
            await self._run(f"pragma user_version={FORMAT}")
            await self._run(statements()["make_head"], *_values(head))
            await self._run(statements()["make_manifest"])
            await self._write(change)

    async def upgrade(self, decide: Callable[[Snapshot], Change]) -> Path | None:
        """
        Bring a vault of format 1 to this one: a copy first, then one transaction. The copy's path comes back.

        None: it is of this format already. What `decide` raises leaves all as it was. Raises SecretError.
        """
        async with self._alone():
            if await self._format() == FORMAT:
                return None
            copy = copy_of_format(self._path, 1)
            await self._run("vacuum into ?", str(copy))
            async with self._transaction():
                if await self._format() == FORMAT:
                    copy.unlink()
                    return None
                for name in ("upgrade", "schema"):
                    await self._script(name)
                await self._write(await anyio.to_thread.run_sync(decide, await self._read()))
                await self._run(f"pragma user_version={FORMAT}")
        return copy

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

    async def snapshot(self, pick: Callable[[Manifest], frozenset[str] | None] = everything) -> tuple[Stamp, Snapshot]:
        """See `VaultRows`."""
        async with self._alone():
            if self._lies_there() != self._file:
                await self.connect()
            async with self._transaction("begin"):
                only = await anyio.to_thread.run_sync(pick, await self._manifest())
                snapshot = await self._read(only)
            return Stamp(*self._file, snapshot.manifest.generation), snapshot

    async def change(self, decide: Callable[[Snapshot], Change], only: frozenset[str] | None = None) -> Change:
        """See `VaultRows`."""
        async with self._alone(), self._transaction():
            change = await anyio.to_thread.run_sync(decide, await self._read(only))
            await self._write(change)
        return change

    async def audit_rows(self) -> tuple[Manifest, tuple[AuditRow, ...]]:
        """See `VaultRows`."""
        async with self._alone(), self._transaction("begin"):
            rows = await self._all(statements()["audit_rows"])
            return await self._manifest(), tuple(AuditRow(*row) for row in rows)

    async def audit_page(self, wanted: AuditFilter, most: int) -> tuple[AuditRow, ...]:
        """See `VaultRows`."""
        async with self._alone():
            return tuple(AuditRow(*row) for row in await self._all(statements()["audit_page"], *wanted, most))

    async def audit_tail(self, noted: int) -> tuple[Manifest, tuple[AuditRow, ...]]:
        """See `VaultRows`."""
        async with self._alone(), self._transaction("begin"):
            rows = await self._all(statements()["audit_tail"], noted)
            return await self._manifest(), tuple(AuditRow(*row) for row in rows)

    async def erase(self) -> bool:
        """See `VaultRows`."""
        async with self._alone():
            await self._all("pragma busy_timeout=0")
            ((busy, _, _),) = await self._all("pragma wal_checkpoint(truncate)")
            await self._all(f"pragma busy_timeout={_BUSY * 1000:.0f}")
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

    async def _read(self, only: frozenset[str] | None = None) -> Snapshot:
        of, which = statements(), "" if only is None else "_named"
        names = [()] if only is None else [(name,) for name in sorted(only)]
        return Snapshot(
            Head(*(await self._all(of["head"]))[0]),
            await self._manifest(),
            tuple(RingRow(*row) for row in await self._all(of["ring"])),
            tuple([SecretRow(*row) for name in names for row in await self._all(of["secrets" + which], *name)]),
            tuple([VersionRow(*row) for name in names for row in await self._all(of["versions" + which], *name)]),
            tuple(TombstoneRow(*row) for row in await self._all(of["tombstones"])),
            only,
        )

    async def _manifest(self) -> Manifest:
        ((generation, content, mac, *audit),) = await self._all(statements()["manifest"])
        return Manifest(generation, content, mac, AuditHead(*audit))

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

    async def _write(self, change: Change) -> None:
        for name, values in _writes(change):
            await self._run(statements()[name], *values)

    async def _script(self, name: str) -> None:
        for statement in script(name):
            await self._run(statement)

    async def _format(self) -> int:
        return int((await self._all("pragma user_version"))[0][0])

    async def _all(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        assert self._rows is not None
        return [tuple(row) for row in await self._rows.execute_fetchall(statement, values)]

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
    if change.head is not None:
        yield "put_head", _values(change.head)
    for row in change.rewritten:
        yield "rewrite_version", (row.wrapped, row.sealed, row.policy, row.secret, row.version)
    yield from (("remove_version", each) for each in change.pruned)
    yield from (("put_ring", _values(row)) for row in change.ring)
    yield from (("put_audit", _values(row)) for row in change.audit)
    said = change.manifest
    yield "put_manifest", (said.generation, said.content, said.mac, *_values(said.audit))


def _values(row: Head | SecretRow | VersionRow | TombstoneRow | RingRow | AuditRow | AuditHead) -> tuple[object, ...]:
    return tuple(getattr(row, field) for field in row.__struct_fields__)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say in one sentence that the file could not be used; SQLite's own words hold no values."""
    try:
        yield
    except sqlite3.Error as error:
        raise SecretError(f"the vault {path} cannot be used: {error}") from None
