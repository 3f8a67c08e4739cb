"""SQLite itself: which files, what no statement may do, values as it keeps them."""

import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.errors import PermanentError, TemporaryError
from runner.executors.sql.executor import open_sql
from runner.ports import ExecutorLimits
from tests.integration.executors.sql.conftest import Attempt, FakeCall, rendered


@pytest.fixture
def url(files: Path) -> str:
    return f"sqlite:///{files}/test.db"


class TestFiles:
    async def test_a_new_file_is_the_daemons_alone(self, attempt: Attempt, files: Path) -> None:
        """File 0600, made with its folder."""
        await attempt(f"sqlite:///{files}/deep/er/new.db", "create table t (a integer)")

        assert stat.S_IMODE((files / "deep/er/new.db").stat().st_mode) == 0o600

    @pytest.mark.parametrize("path", ["../outside.db", "link.db", "/etc/passwd", "folder/../../outside.db"])
    async def test_a_path_that_leaves_the_folders_is_refused(self, attempt: Attempt, files: Path, path: str) -> None:
        """Dots and links are followed first."""
        (files / "link.db").symlink_to(files.parent / "outside.db")
        target = path if path.startswith("/") else f"{files}/{path}"

        with pytest.raises(PermanentError, match="outside the folders") as caught:
            await attempt(f"sqlite:///{target}", "create table t (a)")

        assert caught.value.kind == "refused"
        assert not (files.parent / "outside.db").exists()

    @pytest.mark.parametrize("side", ["", "-wal"])
    async def test_the_daemons_own_files_are_refused(self, files: Path, side: str) -> None:
        """By inode, so that a second name of one helps nobody; what lies beside them too."""
        own = files / "runner.db"
        sqlite3.connect(own).close()
        (files / f"runner.db{side}").touch()
        os.link(files / f"runner.db{side}", files / "harmless.db")
        limits = ExecutorLimits(file_roots=(str(files),), own_files=(str(own),))

        async with open_sql(limits) as executor:
            for name in ("runner.db", "harmless.db"):
                with pytest.raises(PermanentError, match="one of Runner's own"):
                    await executor.execute(rendered(f"sqlite:///{files}/{name}", "select 1", {}), FakeCall())

    @pytest.mark.parametrize("mode", ["ro", "rw"])
    async def test_only_rwc_makes_a_file(self, attempt: Attempt, files: Path, mode: str) -> None:
        """The others want it to exist."""
        with pytest.raises(PermanentError, match="cannot be opened"):
            await attempt(f"sqlite:///{files}/none.db?mode={mode}", "select 1")

        assert not (files / "none.db").exists()

    async def test_read_only_is(self, attempt: Attempt, url: str) -> None:
        """Nothing is written through `mode=ro`."""
        await attempt(url, "create table t (a)")

        with pytest.raises(PermanentError, match="READONLY"):
            await attempt(f"{url}?mode=ro", "insert into t values (1)")

    async def test_what_is_no_file(self, attempt: Attempt, files: Path) -> None:
        """A folder, a pipe."""
        os.mkfifo(files / "pipe")

        for name in ("pipe", "."):
            with pytest.raises(PermanentError, match="is not a regular"):
                await attempt(f"sqlite:///{files}/{name}", "select 1")

    async def test_a_file_that_is_no_database(self, attempt: Attempt, files: Path) -> None:
        """A clear error."""
        (files / "text.db").write_text("c4nary" * 100)

        with pytest.raises(PermanentError, match="not a database"):
            await attempt(f"sqlite:///{files}/text.db", "select * from t")


class TestStatements:
    @pytest.mark.parametrize(
        ("query", "transaction"),
        [
            ("vacuum into '{files}/copy.db'", False),
            ("vacuum into '{outside}/copy.db'", False),
            ("pragma temp_store_directory = '{outside}'", True),
            ("select load_extension('x')", True),
        ],
    )
    async def test_no_other_file_is_reached(
        self, attempt: Attempt, files: Path, url: str, query: str, *, transaction: bool
    ) -> None:
        """ATTACH is refused before it is sent; what attaches, writes or loads inside SQLite is stopped there."""
        with pytest.raises(PermanentError):
            await attempt(url, query.format(files=files, outside=files.parent), config={"transaction": transaction})

        assert not list(files.parent.glob("**/copy.db"))

    async def test_vacuum_itself_runs(self, attempt: Attempt, url: str) -> None:
        """It attaches only a nameless file of its own."""
        await attempt(url, "create table t (a)")

        await attempt(url, "vacuum", config={"transaction": False})

    async def test_a_locked_database_is_a_conflict(self, attempt: Attempt, files: Path, url: str) -> None:
        """After the busy timeout; trying again may help."""
        await attempt(url, "create table t (a)")
        other = sqlite3.connect(files / "test.db", isolation_level=None)
        other.execute("begin immediate")
        try:
            with pytest.raises(TemporaryError, match="locked") as caught:
                await attempt(f"{url}?busy_timeout=50", "insert into t values (1)")
        finally:
            other.close()

        assert (caught.value.kind, caught.value.effect) == ("conflict", "none")

    async def test_writers_at_once_take_turns(self, attempt: Attempt, url: str) -> None:
        """However short SQLite's own patience is: nobody is told that the database is locked."""
        await attempt(url, ["create table n (a integer)", "insert into n values (0)"])

        async with anyio.create_task_group() as group:
            for _ in range(30):
                group.start_soon(attempt, f"{url}?busy_timeout=1", ["select a from n", "update n set a = a + 1"])

        assert (await attempt(url, "select a from n"))["row"] == {"a": 30}

    @pytest.mark.parametrize("transaction", [True, False])
    async def test_a_turn_ends_with_its_attempt(self, attempt: Attempt, url: str, *, transaction: bool) -> None:
        """One that failed, was cancelled or ran alone gives it back."""
        await attempt(url, "create table n (a integer primary key)")
        endless = (
            "insert into n with recursive i(n) as (select 1 union all select n + 1 from i) select n from i where n < 0"
        )
        config = {"transaction": transaction}

        with pytest.raises(PermanentError):
            await attempt(url, "insert into n values (1), (1)", config=config)
        with anyio.move_on_after(0.1):
            await attempt(url, endless, config=config)
        with anyio.fail_after(30):
            await attempt(url, "insert into n values (1)", config=config)

        assert (await attempt(url, "select a from n"))["row"] == {"a": 1}

    async def test_foreign_keys(self, attempt: Attempt, url: str) -> None:
        """On where the connection string says so."""
        await attempt(url, ["create table p (id integer primary key)", "create table c (p references p)"])
        await attempt(url, "insert into c values (1)")

        with pytest.raises(PermanentError, match="FOREIGN KEY constraint failed"):
            await attempt(f"{url}?foreign_keys=on", "insert into c values (2)")

    async def test_row_count_of_an_insert_that_begins_with_with(self, attempt: Attempt, url: str) -> None:
        """sqlite3 does not count it; we do."""
        await attempt(url, "create table t (a)")

        found = await attempt(url, "with x as (select 1 union select 2) insert into t select * from x")

        assert found["row_count"] == 2


class TestTypes:
    @pytest.mark.parametrize(
        ("kind", "value", "expected"),
        [
            ("integer", 7, 7), ("integer", 2**53 + 1, 2**53 + 1), ("integer", "12", 12), ("integer", 1.5, 1.5), ("real", 12.1, 12.1), ("numeric", "12.50", 12.5),
            ("text", "12.50", "12.50"), ("text", 12.1, "12.1"), ("boolean", True, 1), ("blob", b"\x00\xff", "AP8="), ("blob", "AP8=", "AP8="),
            ("timestamp", "2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"), ("json", {"a": [1]}, '{"a":[1]}'), ("text", "a\0b", "a\0b"), ("", None, None),
            ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ],
    )  # fmt: skip
    async def test_plain_json_values_and_back(
        self, attempt: Attempt, url: str, kind: str, value: Any, expected: Any
    ) -> None:
        """As the table in `sqlite.values` says: SQLite keeps what it is given, an integer column keeps 1.5 as it is."""
        found = await attempt(
            url, [f"create table t (a {kind})", "insert into t values ($input.a) returning a"], a=value
        )

        assert found[1]["row"] == {"a": expected}

    async def test_a_strict_table_refuses_a_fraction(self, attempt: Attempt, url: str) -> None:
        """Where SQLite checks types, its refusal names the column."""
        with pytest.raises(PermanentError, match=r"cannot store REAL value in INTEGER column t\.a"):
            await attempt(url, ["create table t (a integer) strict", "insert into t values ($input.a)"], a=1.5)

    async def test_text_that_is_no_unicode(self, attempt: Attempt, url: str) -> None:
        """Bytes that a program wrote as text: a clear error without them."""
        with pytest.raises(PermanentError, match=r"^SQLite: query: the statement was refused$"):
            await attempt(url, "select cast(x'633472ff' as text) as a")
