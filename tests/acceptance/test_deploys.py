"""Clean deploys in a row with runs in flight: SIGTERM, a start, SIGTERM again; none of the runs is failed for it."""

import json
import os

import anyio
import httpx
import pytest
from aiohttp import web
from anyio.to_thread import run_sync

from tests.acceptance.conftest import PATIENCE, Installation
from tests.conftest import OpenServer

pytestmark = pytest.mark.timeout(900)

DEPLOYS = int(os.environ.get("RUNNER_TEST_DEPLOYS", "5"))
"""Twenty are tried with `RUNNER_TEST_DEPLOYS=20`; with three counted as kills the runs would be failed."""

RUNS = 5
FLOW = """
triggers: [{{type: http, config: {{method: POST, path: /go, auth: none}}}}]
actions: [{{id: call, type: http, config: {{url: "{url}/"}}}}]
"""


class Peer:
    """Keeps everybody waiting until `opened`; sets `came` when all runs have asked in this life of the daemon."""

    def __init__(self) -> None:
        self.opened = anyio.Event()
        self.came = anyio.Event()
        self.asked = 0

    async def __call__(self, _: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.asked % RUNS == 0:
            self.came.set()
        await self.opened.wait()
        return web.Response()


async def test_deploys_with_runs_in_flight_fail_none(installation: Installation, http_server: OpenServer) -> None:
    """The drain is over before they are through, again and again: no kill is counted, and all succeed in the end."""
    installation.settings(shutdown_timeout="1ms")
    peer = Peer()
    installation.write("flow.yaml", FLOW.format(url=(await http_server(peer.__call__)).origin))
    try:
        for number in range(DEPLOYS):
            peer.came = anyio.Event()
            with installation.spawn() as daemon:
                await run_sync(daemon.wait_for, "ready")
                for _ in range(RUNS if number == 0 else 0):
                    answer = await run_sync(httpx.post, f"http://127.0.0.1:{daemon.port}/go")
                    assert answer.status_code == 202
                with anyio.fail_after(PATIENCE):
                    await peer.came.wait()
                assert await run_sync(daemon.stop) == 0
                assert not [line for line in daemon.lines if "one at a time" in line["event"]]
    finally:
        peer.opened.set()
    with installation.daemon() as daemon:
        await run_sync(lambda: daemon.wait_for("run succeeded", times=RUNS))
    done = installation.run("runs", "list", "--json", check=True)
    runs = [json.loads(line) for line in done.stdout.splitlines()]

    assert [run["state"] for run in runs] == ["succeeded"] * RUNS
    assert peer.asked == (DEPLOYS + 1) * RUNS
