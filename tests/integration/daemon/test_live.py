"""`runner validate --live`: statements are read by real databases and never executed; what is wrong has its place."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from runner.daemon.live import Live, Source, open_live
from runner.daemon.root import known_types
from runner.definitions.load import load_text
from runner.secrets.keys import new_master_key
from runner.settings import load

PASSWORD = "p4ssword-that-is-nowhere"


@pytest.fixture
async def live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str, mysql_url: str
) -> AsyncIterator[Live]:
    """An installation without a store, `$env.PG_URL` and `$env.MY_URL` lead to the databases."""
    config = tmp_path / "config.toml"
    config.write_text(f'[dashboard]\nmaster_key = "{new_master_key()}"\n[files]\nallow = ["{tmp_path}"]\n')
    config.chmod(0o600)
    monkeypatch.setenv("PG_URL", postgres_url)
    monkeypatch.setenv("MY_URL", mysql_url)
    monkeypatch.setenv("WRONG_URL", f"postgresql://nobody:{PASSWORD}@127.0.0.1:9/x")
    async with open_live(load(config, {}).settings) as live:
        yield live


async def told(live: Live, text: str) -> list[str]:
    """`line severity message` of each problem."""
    workflow = load_text(text.encode(), "w.yaml", known_types()).workflow
    return [
        f"{each.line} {each.severity} {each.message}" for each in await live.problems(Source(workflow, text, "w.yaml"))
    ]


def sql(url: str, query: str, more: str = "") -> str:
    """A workflow of one statement."""
    return f"inputs: {{n: {{type: integer}}}}\nactions:\n  - id: a\n    type: sql\n    config:\n      connection_string: {url}\n      query: {query}\n{more}"


@pytest.mark.parametrize("url", ["$env.PG_URL", "$env.MY_URL", "sqlite"])
async def test_statements_are_read_and_not_executed(live: Live, tmp_path: Path, url: str) -> None:
    """On PostgreSQL, MariaDB and SQLite: an unknown table is told at its line, what is right says nothing, nothing changes."""
    if url == "sqlite":
        url = f"'sqlite:///{tmp_path}/x.db'"
        assert "the file is not there" in (await told(live, sql(url, "select 1")))[0]
        sqlite3.connect(tmp_path / "x.db").execute("create table there (n integer)").connection.close()
    made = await told(live, sql(url, "create table live_t (n integer)"))
    wrong = await told(live, sql(url, "insert into live_t (n) values ($input.n)"))
    right = await told(live, sql(url, "select 1 + $input.n as n"))
    syntax = await told(live, sql(url, "selec 1"))

    assert made == []
    assert len(wrong) == 1
    assert wrong[0].startswith("7 error ")
    assert "live_t" in wrong[0]
    assert right == []
    assert len(syntax) == 1


async def test_a_statement_that_writes_leaves_no_row(live: Live, postgres_url: str) -> None:
    """The table is there, the statement is right, and nothing is in it afterwards."""
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("create table live_rows (n integer)")
        assert await told(live, sql("$env.PG_URL", "insert into live_rows values ($input.n)")) == []
        assert await connection.fetchval("select count(*) from live_rows") == 0
    finally:
        await connection.execute("drop table if exists live_rows")
        await connection.close()


async def test_what_cannot_be_asked_is_said_without_a_secret(live: Live) -> None:
    """No connection, a string that a run computes, a secret and a variable that are missing."""
    refused = await told(live, sql("$env.WRONG_URL", "select 1"))
    computed = await told(live, sql("$input.url", "select 1").replace("{n:", "{url: {type: string}, n:"))
    missing = await told(live, sql("$secret.NO_SUCH", "select 1"))
    variable = await told(live, sql("$env.NO_SUCH_URL", "select 1"))

    assert len(refused) == 1
    assert PASSWORD not in refused[0]
    assert computed == ["6 warning not checked: computed from $input.url"]
    assert [line.startswith("6 error") and "NO_SUCH" in line for line in (*missing, *variable)] == [True, True]
