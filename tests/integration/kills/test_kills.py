"""A daemon that is killed again and again loses no run, repeats no finished action, and does each insert once."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import anyio
import pytest
from aiohttp import web
from anyio.to_thread import run_sync

from runner.executors.sql.executor import open_sql
from runner.ports import ExecutorLimits
from tests.acceptance.conftest import Installation
from tests.conftest import OpenServer
from tests.integration.executors.sql.conftest import FakeCall, rendered
from tests.integration.kills.harness import WORKFLOW, Counts, count, endure

KILLS = 17
"""On each database. Of those that are aimed (`test_aimed`, `test_journal_aimed`) there are more."""


def addresses(folder: Path, postgres_url: str, mysql_url: str) -> Mapping[str, str]:
    """A database of each kind."""
    return {
        "PostgreSQL": postgres_url,
        "SQLite": f"sqlite:///{folder}/data/files/kills.db",
        "MariaDB": mysql_url,
    }


async def execute(database: str, folder: Path, *statements: str) -> list[dict[str, object]]:
    """The rows of the last statement."""
    rows: list[dict[str, object]] = []
    limits = ExecutorLimits(file_roots=(str(folder),), max_rows=1_000_000)
    async with open_sql(limits) as sql:
        for statement in statements:
            rows = (await sql.execute(rendered(database, statement, {}), FakeCall())).value["rows"]
    return rows


async def unhurried(_: web.Request) -> web.StreamResponse:
    """Answers late enough for runs to be in flight when the kill comes."""
    await anyio.sleep(0.15)
    return web.json_response({"ok": True})


async def kill_and_count(
    tmp_path: Path, address: str, http_server: OpenServer, kills: int, seed: int, *, in_a_row: bool = False
) -> Counts:
    """One installation, so many kills."""
    installation = await run_sync(Installation, tmp_path)
    peer = await http_server(unhurried)
    await execute(
        address,
        tmp_path,
        "drop table if exists kill_effects",
        "create table kill_effects (run varchar(60), item integer)",
    )
    installation.write("kills.yaml", WORKFLOW.format(peer=peer.origin, database=address))
    counts = Counts()
    accepted = await endure(installation, counts, kills=kills, seed=seed, in_a_row=in_a_row)
    rows = await execute(address, tmp_path, "select run, item from kill_effects")
    effects = Counter((str(row["run"]), int(str(row["item"]))) for row in rows)
    await run_sync(partial(count, installation, accepted, effects, counts))
    return counts


@pytest.mark.parametrize("database", ["PostgreSQL", "SQLite", "MariaDB"])
async def test_kills_with_fifty_runs_in_flight(
    tmp_path: Path, postgres_url: str, mysql_url: str, http_server: OpenServer, database: str
) -> None:
    """Accepted runs lost, finished actions repeated, inserts doubled or missing: none; each journal is whole."""
    address = addresses(tmp_path, postgres_url, mysql_url)[database]
    counts = await kill_and_count(tmp_path, address, http_server, KILLS, 7)

    assert counts.cut > 0
    assert counts.wrong == 0, counts
