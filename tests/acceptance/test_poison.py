"""One run that kills the daemon each time beside 99 innocent ones: it alone is failed, the others end well."""

import json
import os
import signal
from collections import Counter

import aiohttp
import anyio
from aiohttp import web

from tests.acceptance.conftest import Installation
from tests.conftest import OpenServer

INNOCENT = 99
KILLS = 5
"""Two with all in flight, then three with the one that does it alone."""

FLOW = """
inputs: {{to: {{type: string}}}}
triggers: [{{type: http, config: {{method: POST, path: /go, auth: none}}, inputs: {{to: $trigger.body}}}}]
actions: [{{id: call, type: http, config: {{url: "{url}/{{{{ $input.to }}}}"}}}}]
"""


class Peer:
    """Kills whoever asks for /kill; answers the others once that has happened often enough."""

    def __init__(self) -> None:
        self.pid = 0
        self.kills = 0
        self.asked = 0
        self._all = anyio.Event()
        self._over = anyio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/kill":
            if self.kills < 2:
                await self._all.wait()
            self._all = anyio.Event()
            self.asked = 0
            self.kills += 1
            os.kill(self.pid, signal.SIGKILL)
        else:
            self.asked += 1
            if self.asked == INNOCENT:
                self._all.set()
        if self.kills < KILLS:
            await self._over.wait()
        return web.Response()

    def over(self) -> None:
        """Whoever still waits is answered, though nobody reads it."""
        self._over.set()


async def test_it_alone_is_failed(installation: Installation, http_server: OpenServer) -> None:
    """By that name, with what to do; it takes five kills, and nothing is asked of a person."""
    peer = Peer()
    server = await http_server(peer)
    installation.write("flow.yaml", FLOW.format(url=server.origin))
    for number in range(KILLS):
        with installation.spawn() as daemon:
            peer.pid = daemon.process.pid
            if number == 0:
                await anyio.to_thread.run_sync(daemon.wait_for, "ready")
                await _submit(daemon.port)
            assert await anyio.to_thread.run_sync(daemon.ended) == -signal.SIGKILL
    with installation.spawn() as daemon:
        await anyio.to_thread.run_sync(lambda: daemon.wait_for("run succeeded", times=INNOCENT))
        peer.over()
    done = installation.run("runs", "list", "--limit", "200", "--json", check=True)
    runs = [json.loads(line) for line in done.stdout.splitlines()]

    assert peer.kills == KILLS
    assert Counter(run["state"] for run in runs) == {"succeeded": INNOCENT, "failed": 1}
    (failed,) = [run for run in runs if run["state"] == "failed"]
    assert "alone was in flight, at call (runs.max_recoveries)" in failed["error"]["message"]
    assert f"runner runs rerun {failed['run']}" in failed["error"]["message"]


async def _submit(port: int) -> None:
    async with aiohttp.ClientSession() as session:
        for number in range(1 + INNOCENT):
            to = "kill" if number == 0 else str(number)
            async with session.post(f"http://127.0.0.1:{port}/go", json=to) as answer:
                assert answer.status == 202, await answer.text()
