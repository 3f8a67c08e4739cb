"""Opening a store's file: who may, which files it makes, what it refuses, how an older one is brought forward."""

import os
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.errors import StoreError, StoreFormatError, StoreLockedError
from runner.ports import RunFilter
from runner.store import connections, files, migrate
from runner.store.sqlite import SqliteStore, open_store
from runner.store.statements import migrations
from tests.contracts.store.made import admit, append, ended

ROOT = Path(__file__).parents[3]
HOLD = """
import anyio, sys
from runner.store.sqlite import open_store

async def main():
    async with open_store(sys.argv[1]):
        print(flush=True)
        sys.stdin.read()

anyio.run(main)
"""


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: _mode(path) for path in folder.iterdir()}


def _mounts(tmp_path: Path, kind: str) -> Path:
    """A mount table as Linux writes it, in which a folder with a space lies on a file system of this kind."""
    point = str(tmp_path / "net share").replace(" ", "\\040")
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        f"90 22 0:41 / {point} rw,relatime shared:44 master:2 - {kind} host:/share rw,vers=4.2\n"
        f"91 90 0:42 / {point}/local rw,relatime - ext4 /dev/vdb rw\n"
    )
    return table


async def _asked(store: SqliteStore, statement: str) -> Any:
    """The one value that the writer's own connection gives."""

    def ask(connection: sqlite3.Connection) -> Any:
        return connection.execute(statement).fetchone()[0]

    return await store._writer.call(ask)


class TestLock:
    async def test_one_process_executes_on_a_store(self, tmp_path: Path) -> None:
        """A second one is told who has it, and has it when the first is gone, however it went."""
        path = tmp_path / "runs.db"
        async with await anyio.open_process([sys.executable, "-c", HOLD, path], cwd=ROOT) as holder:
            assert holder.stdout is not None
            await holder.stdout.receive()

            with pytest.raises(
                StoreLockedError, match=rf"runs.db: process {holder.pid} executes on this store, and only"
            ):
                async with open_store(path):
                    pass
            holder.kill()
            await holder.wait()

        async with open_store(path) as store:
            assert store.boot == 2

    async def test_a_process_has_a_store_once(self, tmp_path: Path) -> None:
        """The lock is no less a lock within the process that holds it."""
        async with open_store(tmp_path / "runs.db"):
            with pytest.raises(StoreLockedError, match=f"process {os.getpid()} executes on this store"):
                async with open_store(tmp_path / "runs.db"):
                    pass

    async def test_a_lock_that_was_given_back_names_nobody(self, tmp_path: Path) -> None:
        """A clean stop leaves an empty lock file and takes the WAL along."""
        async with open_store(tmp_path / "runs.db"):
            pass

        assert (tmp_path / "runs.db.lock").read_bytes() == b""
        assert _modes(tmp_path).keys() == {"runs.db", "runs.db.lock"}


class TestFiles:
    async def test_everything_is_its_owners_alone(self, tmp_path: Path) -> None:
        """Folder 0700, and 0600 for file, WAL, shared memory and lock, whatever the umask allows."""
        umask = os.umask(0)
        try:
            async with open_store(tmp_path / "new" / "data" / "runs.db") as store:
                await admit(store, "run-1")
                modes = _modes(tmp_path / "new" / "data")
        finally:
            os.umask(umask)

        assert modes == dict.fromkeys(("runs.db", "runs.db-wal", "runs.db-shm", "runs.db.lock"), 0o600)
        assert _mode(tmp_path / "new" / "data") == 0o700

    async def test_a_folder_that_is_there_stays_as_it_is(self, tmp_path: Path) -> None:
        """Its modes are its owner's business; `doctor` tells."""
        os.chmod(tmp_path, 0o755)  # noqa: PTH101 - a path's own method counts as blocking in here, this does not

        async with open_store(tmp_path / "runs.db"):
            assert _mode(tmp_path) == 0o755

    async def test_the_file_can_shrink_and_writes_reach_the_disk(self, tmp_path: Path) -> None:
        """Incremental vacuum from the first table on, WAL, and a writer that waits for the disk at each commit."""
        async with open_store(tmp_path / "runs.db") as store:
            names = ("auto_vacuum", "journal_mode", "synchronous", "foreign_keys")
            values = [await _asked(store, f"pragma {name}") for name in names]

        assert values == [2, "wal", 2, 1]

    @pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs"])
    def test_a_network_file_system_is_refused(self, tmp_path: Path, kind: str) -> None:
        """The message names kind, place and cure; a local disk below it and a setting that allows it are fine."""
        path, mounts = tmp_path / "net share" / "data" / "runs.db", _mounts(tmp_path, kind)

        with pytest.raises(
            StoreError, match=rf"network file system \({kind} at .*net share\).*network_filesystem = true"
        ):
            files.folder(path, mounts=mounts)

        files.folder(path, mounts=mounts, allow_network=True)
        files.folder(tmp_path / "net share" / "local" / "runs.db", mounts=mounts)
        files.folder(tmp_path / "net shares" / "runs.db", mounts=mounts)
        files.folder(path, mounts=tmp_path / "no such table")

    async def test_a_place_that_cannot_be_written_is_an_error_that_names_it(self, tmp_path: Path) -> None:
        """A folder in the place of the file, a file in the place of the folder."""
        (tmp_path / "file").touch()
        (tmp_path / "runs.db").mkdir()

        with pytest.raises(
            StoreError, match=r"file/runs.db: the store cannot be opened there: Not a directory|File exists"
        ):
            async with open_store(tmp_path / "file" / "runs.db"):
                pass
        with pytest.raises(StoreFormatError, match=r"runs.db: a store is a regular file, this is something else$"):
            async with open_store(tmp_path / "runs.db"):
                pass


class TestFormat:
    @pytest.mark.parametrize(
        ("script", "said"),
        [
            (
                f"pragma application_id = {migrate.APPLICATION}; pragma user_version = 99",
                "a newer version of Runner wrote this",
            ),
            ("create table cats (name)", "a database, but not a store of runs"),
            ("pragma user_version = 1", "a database, but not a store of runs"),
        ],
    )
    async def test_what_this_version_cannot_read_is_left_alone(self, tmp_path: Path, script: str, said: str) -> None:
        """A newer store, and a database of somebody else: one sentence, and not a byte is changed."""
        path = tmp_path / "runs.db"
        with closing(sqlite3.connect(path)) as other:
            other.executescript(script)
        before = path.read_bytes()

        with pytest.raises(StoreFormatError, match=said) as refused:
            async with open_store(path):
                pass

        assert "\n" not in str(refused.value)
        assert path.read_bytes() == before

    async def test_a_file_that_is_no_database_is_left_alone(self, tmp_path: Path) -> None:
        """Whatever it holds, the message does not show it."""
        path = tmp_path / "runs.db"
        path.write_bytes(b"s3cret" * 1000)

        with pytest.raises(
            StoreFormatError, match=r"runs.db: this is no store but some other file: file is not a database$"
        ):
            async with open_store(path):
                pass

        assert path.read_bytes() == b"s3cret" * 1000

    async def test_an_older_store_is_brought_forward_after_a_copy(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The copy is private and whole, in the format that it had; the store has its runs and the new table."""
        path = tmp_path / "runs.db"
        async with open_store(path) as store:
            await admit(store, "run-1")
            await store.append(ended("run-1", 2))
        scripts = [*migrations(), "create table added (name text);\ninsert into added values ('new');"]
        monkeypatch.setattr(connections, "migrations", lambda: scripts)

        async with open_store(path) as store:
            assert [row.id for row in await store.find(RunFilter())] == ["run-1"]
            assert await _asked(store, "select name from added") == "new"
        copy = tmp_path / f"runs.db.format-{len(scripts) - 1}.1"
        assert _mode(copy) == 0o600
        monkeypatch.undo()
        async with open_store(copy) as store:
            assert [row.state for row in await store.find(RunFilter())] == ["succeeded"]
        with pytest.raises(StoreFormatError, match=f"format {len(scripts)}, this one reads up to {len(scripts) - 1}"):
            async with open_store(path):
                pass

    async def test_a_store_of_the_first_format_goes_on(self, tmp_path: Path) -> None:
        """Its runs are listed, end and are deleted as those that come after; the copy has the format that it had."""
        path, (first, *_) = tmp_path / "runs.db", migrations()
        with closing(sqlite3.connect(path)) as old:
            old.execute("pragma auto_vacuum = incremental")
            old.executescript(first)
            old.executescript(f"pragma application_id = {migrate.APPLICATION}; pragma user_version = 1")
            old.executescript(
                "insert into revisions values ('r', x'7b7d');"
                "insert into runs (id, workflow, revision, state, accepted_at, trigger) values ('run-1', 'w', 'r', 'running', 1, '');"
            )
            values = ((number, bytes(range(256)) * kilobytes * 4) for number, kilobytes in enumerate((0, 128, 300)))
            old.executemany("insert into blobs (run, number, data) values ('run-1', ?, ?)", values)
            old.commit()

        async with open_store(path) as store:
            assert await store.counts() == {"running": 1}
            lengths = [len(await store.blob("run-1", number)) for number in range(3)]
            assert lengths == [0, 131_072, 307_200]
            assert await store.blob("run-1", 2) == bytes(range(256)) * 1200
            await store.append(ended("run-1", 1, "failed"))
            assert [row.state for row in await store.find(RunFilter())] == ["failed"]
            assert await store.counts() == {"failed": 1}
            assert [(await store.sweep(9e9)).runs for _ in range(2)] == [0, 1], "the values are too large for one step"
            assert await store.counts() == {}
            assert store.restored_at is None
        with closing(sqlite3.connect(tmp_path / "runs.db.format-1.1")) as copy:
            assert copy.execute("pragma user_version").fetchone() == (1,)
            assert copy.execute("select state from runs").fetchall() == [("running",)]

    async def test_a_migration_that_fails_changes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is one transaction: the store is as it was, and so is its format."""
        path = tmp_path / "runs.db"
        async with open_store(path):
            pass
        bad = [*migrations(), "create table added (name text);\ncreate table added (name text);"]
        monkeypatch.setattr(connections, "migrations", lambda: bad)

        with pytest.raises(StoreError, match=r"the store cannot be opened: table added already exists$"):
            async with open_store(path):
                pass

        monkeypatch.undo()
        async with open_store(path) as store:
            assert await _asked(store, "select count(*) from sqlite_schema where name = 'added'") == 0


class TestClosing:
    async def test_leaving_the_block_writes_what_waits(self, tmp_path: Path) -> None:
        """Nobody has to await the last appends; one that comes later is refused."""
        async with open_store(tmp_path / "runs.db") as store:
            await admit(store, "run-1")
            promises = [store.append(append("run-1", seq)) for seq in range(2, 3002)]

        assert all(promise.done() and promise.exception() is None for promise in promises)
        with pytest.raises(StoreError, match=r"^the store is closed$"):
            await store.append(append("run-1", 9999))
        async with open_store(tmp_path / "runs.db") as store:
            assert len(await store.read("run-1")) == 3001
