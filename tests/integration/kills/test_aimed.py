"""A daemon that dies right before a COMMIT, or right after it: each insert of `exactly_once` is there once all the same."""

import signal
from collections import Counter
from functools import partial
from pathlib import Path

import anyio
import httpx
import pytest
from aiohttp import web
from anyio import from_thread
from anyio.to_thread import run_sync

from tests.acceptance.conftest import Installation
from tests.conftest import OpenServer
from tests.integration.kills import aimed
from tests.integration.kills.harness import TRY_ON, WORKFLOW, Counts, count, let_end
from tests.integration.kills.test_kills import execute

RUNS = 3
AIMS = (("before", 2), ("after", 1))


@pytest.fixture(params=["postgres", "mysql", "sqlite"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each of the databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/files/aimed.db"
    return str(request.getfixturevalue(f"{request.param}_url"))


def lives(installation: Installation, all_are_in: anyio.Event) -> list[str]:
    """The runs, once the daemon has died at each of the aims and another one has ended what was left."""
    accepted: list[str] = []
    for when, at in AIMS:
        aim = [aimed.__file__, when, str(at)]
        with installation.spawn(command=aim, environ=TRY_ON) as daemon:
            while len(accepted) < RUNS:
                accepted.append(httpx.post(f"http://127.0.0.1:{daemon.port}/go").json()["run"])
            from_thread.run_sync(all_are_in.set)
            assert daemon.ended() == -signal.SIGKILL
    with installation.daemon(environ=TRY_ON):
        let_end(installation)
    return accepted


async def test_killed_around_a_commit(tmp_path: Path, address: str, http_server: OpenServer) -> None:
    """Nothing is lost, repeated, doubled or missing."""
    installation = await run_sync(Installation, tmp_path)
    all_are_in = anyio.Event()

    async def answers(_: web.Request) -> web.StreamResponse:
        await all_are_in.wait()
        return web.json_response({})

    peer = await http_server(answers)
    create = "create table kill_effects (run varchar(60), item integer)"
    await execute(address, tmp_path, "drop table if exists kill_effects", create)
    installation.write("kills.yaml", WORKFLOW.format(peer=peer.origin, database=address))
    accepted, counts = await run_sync(lives, installation, all_are_in), Counts()
    rows = await execute(address, tmp_path, "select run, item from kill_effects")
    effects = Counter((str(row["run"]), int(str(row["item"]))) for row in rows)
    await run_sync(partial(count, installation, accepted, effects, counts))

    assert counts.wrong == 0, counts
    assert effects.total() == RUNS * 4
