"""A workflow's file names lead to nothing that `[files] allow` does not name: by no link, no second name, no exchange."""

import os
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from runner.errors import ActionError, PermanentError
from runner.executors.http.files import read_file
from runner.executors.http.scalars import FieldError
from runner.executors.http.tls import Trust, Wanted
from runner.executors.sql.executor import SqlExecutor, open_sql
from runner.ports import ExecutorLimits
from tests.integration.executors.sql.conftest import FakeCall, rendered

SECRET = b"canary of somebody else's file"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An allowed folder, beside it a file that nobody may read, and one of the daemon's own."""
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "own.db").write_bytes(SECRET)
    (tmp_path / "files" / "sub").mkdir(parents=True)
    (tmp_path / "files" / "sub" / "secret").write_bytes(b"harmless")
    return tmp_path.resolve() / "files"


LOOPS = int(os.environ.get("RUNNER_TEST_SWAPS", "300"))
"""Reads while the names are exchanged."""


def limits(folder: Path, roots: tuple[str, ...] | None = None) -> ExecutorLimits:
    return ExecutorLimits(file_roots=roots or (str(folder),), own_files=(str(folder.parent / "own.db"),))


class TestFiles:
    @pytest.mark.parametrize(
        "name", ["../secret", "sub/../../secret", "link", "folder/secret", "hard", "pipe", "sub", "void\0x", "none"]
    )
    def test_nothing_else_is_read(self, name: str, folder: Path) -> None:
        """`..`, a link, a folder that is one, a second name of the daemon's own, a pipe, a folder, NUL, nothing."""
        (folder / "link").symlink_to(folder.parent / "secret")
        (folder / "folder").symlink_to(folder.parent)
        (folder / "hard").hardlink_to(folder.parent / "own.db")
        os.mkfifo(folder / "pipe")

        with pytest.raises(FieldError) as raised:
            read_file(f"{folder}/{name}", "multipart", limits(folder), 1000)

        assert "canary" not in str(raised.value)

    def test_a_folder_that_becomes_a_link_after_the_check_gives_nothing(self, folder: Path) -> None:
        """Each step is opened below the one before, and no link is followed on the way."""

        class Exchanges(tuple[str, ...]):
            """Allowed folders; whoever asks which they are gives the attacker an instant."""

            __slots__ = ()

            def __iter__(self) -> Iterator[str]:
                if not (folder / "sub").is_symlink():
                    (folder / "sub").rename(folder / "moved")
                    (folder / "sub").symlink_to(folder.parent)
                else:
                    (folder / "sub").unlink()
                    (folder / "moved").rename(folder / "sub")
                return super().__iter__()

        with pytest.raises(FieldError, match="is another file by now"):
            read_file(f"{folder}/sub/secret", "multipart", limits(folder, Exchanges((str(folder),))), 1000)

    def test_a_file_that_is_allowed_is_read(self, folder: Path) -> None:
        """All of it, and no more than may be."""
        assert read_file(f"{folder}/sub/secret", "multipart", limits(folder), 8) == b"harmless"
        with pytest.raises(FieldError, match="larger than 7 bytes"):
            read_file(f"{folder}/sub/secret", "multipart", limits(folder), 7)


def exchange(one: Path, other: Path) -> None:
    """One name, then a link to `other`, then the same again."""
    kept, link = one.with_name(f"{one.name}.kept"), one.with_name(f"{one.name}.link")
    link.symlink_to(other)
    one.rename(kept)
    link.rename(one)
    one.unlink()
    kept.rename(one)


@contextmanager
def exchanging(one: Path, other: Path) -> Iterator[None]:
    """`exchange`, as fast as it goes, in a thread of its own, as long as the block."""
    over = threading.Event()

    def loop() -> None:
        while not over.is_set():
            exchange(one, other)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class TestExchanges:
    """Somebody who may write below an allowed folder exchanges names for links, as fast as it goes."""

    @pytest.mark.parametrize(("name", "other"), [("sub", "."), ("sub/secret", "secret")], ids=["folder", "file"])
    def test_of_a_part_of_a_form(self, folder: Path, name: str, other: str) -> None:
        """What is read is what may be read, or nothing is."""
        found = set()
        with exchanging(folder / name, folder.parent / other):
            for _ in range(LOOPS):
                try:
                    found.add(read_file(f"{folder}/sub/secret", "multipart", limits(folder), 1000))
                except FieldError:
                    continue

        assert found <= {b"harmless"}

    async def test_of_an_authority(self, folder: Path) -> None:
        """The authorities of a context are those of the file that may be read."""
        own, foreign = trustme.CA(), trustme.CA(organization_name="foreign")
        own.cert_pem.write_to_path(folder / "sub" / "ca.pem")
        foreign.cert_pem.write_to_path(folder.parent / "ca.pem")
        trust, names = Trust(limits(folder)), set()
        with exchanging(folder / "sub", folder.parent):
            for _ in range(LOOPS // 3):
                try:
                    context = await trust.context(Wanted(verify=f"{folder}/sub/ca.pem"))
                except FieldError:
                    continue
                names |= {str(each["subject"]) for each in context.get_ca_certs()}

        assert not [name for name in names if "foreign" in name]

    async def test_of_an_authority_at_the_very_instant(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between the look at the file and the reading of it the folder becomes a link."""
        own, foreign = trustme.CA(organization_name="own"), trustme.CA(organization_name="foreign")
        own.cert_pem.write_to_path(folder / "sub" / "ca.pem")
        foreign.cert_pem.write_to_path(folder.parent / "ca.pem")
        make: Any = ssl.create_default_context

        def late(**named: Any) -> Any:
            (folder / "sub").rename(folder / "kept")
            (folder / "sub").symlink_to(folder.parent)
            return make(**named)

        monkeypatch.setattr(ssl, "create_default_context", late)
        context = await Trust(limits(folder)).context(Wanted(verify=f"{folder}/sub/ca.pem"))

        assert ["own" in str(each["subject"]) for each in context.get_ca_certs()] == [True]


class TestDatabases:
    """A file of SQLite that is exchanged for a link: SQLite opens by name, and is asked what it has opened."""

    async def run(self, sql: SqlExecutor, path: Path | str, query: str) -> Any:
        """One statement on the database there."""
        return (await sql.execute(rendered("$input.url", query, {"url": f"sqlite:///{path}"}), FakeCall())).value

    @pytest.fixture
    def databases(self, folder: Path) -> Path:
        """The folder, with a database that may be used; one beside it that may not."""
        for path in (folder / "sub" / "x.db", folder.parent / "x.db"):
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("create table t (v)")
                connection.execute("insert into t values (?)", (path.parent.name,))
                connection.commit()
        return folder

    @pytest.mark.parametrize(("name", "other"), [("sub", "."), ("sub/x.db", "x.db")], ids=["folder", "file"])
    async def test_one_that_is_a_link_when_it_is_opened_is_refused(
        self, databases: Path, name: str, other: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """At the very instant between the look and the opening; then it is itself again, and opens."""
        one = databases / name
        connect: Any = sqlite3.connect

        def late(*words: Any, **named: Any) -> Any:
            one.rename(databases / "kept")
            one.symlink_to(databases.parent / other)
            try:
                return connect(*words, **named)
            finally:
                one.unlink()
                (databases / "kept").rename(one)

        async with open_sql(limits(databases)) as sql:
            with monkeypatch.context() as patch:
                patch.setattr(sqlite3, "connect", late)
                with pytest.raises(PermanentError, match="the file is another one by now") as caught:
                    await self.run(sql, databases / "sub" / "x.db", "select v from t")
            assert caught.value.kind == "refused"
            assert (await self.run(sql, databases / "sub" / "x.db", "select v from t"))["row"] == {"v": "sub"}

    @pytest.mark.parametrize(("name", "other"), [("sub", "."), ("sub/x.db", "x.db")], ids=["folder", "file"])
    async def test_as_fast_as_it_goes(self, databases: Path, name: str, other: str) -> None:
        """Each opening comes to the database that may be used, or is refused."""
        found = set()
        with exchanging(databases / name, databases.parent / other):
            for _ in range(LOOPS // 3):
                async with open_sql(limits(databases)) as sql:
                    try:
                        answer = await self.run(sql, f"{databases}/sub/x.db?mode=rw", "select v from t")
                    except PermanentError:
                        continue
                    found.add(answer["row"]["v"])

        assert found <= {"sub"}

    async def test_opening_one_ends_no_lock_of_another_connection(self, databases: Path) -> None:
        """A file's locks are its process's: who opens and closes it by the way would end them all."""
        path = databases / "sub" / "x.db"
        async with open_sql(limits(databases)) as sql:
            with closing(sqlite3.connect(path, isolation_level=None)) as held:
                held.execute("begin exclusive")
                with pytest.raises(ActionError, match="locked"):
                    await self.run(sql, f"{path}?busy_timeout=1", "select v from t")
                assert is_locked_elsewhere(path)


def is_locked_elsewhere(path: Path) -> bool:
    """Whether another process finds the database locked."""
    program = f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('select * from t')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    return b"database is locked" in done.stderr
