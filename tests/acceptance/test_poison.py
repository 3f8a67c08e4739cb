"""One run that kills the daemon each time beside innocent ones, many or always new ones: it alone is failed."""

import json
import os
import signal
from collections import Counter

import aiohttp
import anyio
from aiohttp import web

from tests.acceptance.conftest import PATIENCE, Daemon, Installation
from tests.acceptance.test_triggers import states
from tests.conftest import OpenServer
from tests.services import processes

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


KILLS_BESIDE_A_STREAM = 6
"""Two with all in flight, one in its turn beside new runs, then three with nothing else in flight."""

AFTERWARDS = 20


class Stream:
    """Kills whoever asks for /kill, but never before new runs have come in; the others are answered when that is over."""

    def __init__(self, port: int) -> None:
        self.daemon: Daemon | None = None
        self.kills = 0
        self.accepted: list[str] = []
        self.submitted_all = anyio.Event()
        self.port = port
        self._asked, self._asked_by_others, self._submitted = anyio.Event(), anyio.Event(), anyio.Event()
        self._over = anyio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        is_poison = request.path == "/kill"
        if is_poison:
            self._submitted = anyio.Event()
        else:
            self._asked_by_others.set()
        self._asked.set()
        if is_poison:
            await (self._asked_by_others if self.kills < KILLS_BESIDE_A_STREAM - 3 else self._submitted).wait()
            self._asked, self._asked_by_others = anyio.Event(), anyio.Event()
            self.kills += 1
            assert self.daemon is not None
            self.daemon.process.kill()
        if self.kills < KILLS_BESIDE_A_STREAM:
            await self._over.wait()
        return web.Response()

    def over(self) -> None:
        """Whoever still waits is answered, though nobody reads it."""
        self._over.set()

    async def submit(self) -> None:
        """Submit without pause, until some more were taken after all kills."""
        left = AFTERWARDS
        async with aiohttp.ClientSession() as session:
            while left:
                try:
                    to = "other" if self.accepted else "kill"
                    async with session.post(f"http://127.0.0.1:{self.port}/go", json=to) as answer:
                        assert answer.status == 202, await answer.text()
                        self.accepted.append((await answer.json())["run"])
                except aiohttp.ClientError:
                    await self._asked.wait()  # the next daemon is there
                else:
                    left -= self.kills == KILLS_BESIDE_A_STREAM
                    self._submitted.set()
        self.submitted_all.set()


async def test_it_is_found_beside_a_steady_stream_of_new_runs(
    installation: Installation, http_server: OpenServer
) -> None:
    """It is tried with nothing else in flight while new runs are accepted on and on, and all of these end well."""
    stream = Stream(processes.free_port())
    server = await http_server(stream)
    installation.write("flow.yaml", FLOW.format(url=server.origin))
    environ = {"RUNNERD_SERVER_PORT": str(stream.port)}
    async with anyio.create_task_group() as tasks:
        for number in range(KILLS_BESIDE_A_STREAM):
            with installation.spawn(environ=environ) as stream.daemon:
                if number == 0:
                    await anyio.to_thread.run_sync(stream.daemon.wait_for, "ready")
                    tasks.start_soon(stream.submit)
                assert await anyio.to_thread.run_sync(stream.daemon.ended) == -signal.SIGKILL
        with installation.spawn(environ=environ):
            with anyio.move_on_after(PATIENCE):
                await stream.submitted_all.wait()
            stream.over()
            assert stream.submitted_all.is_set()
            poison, *others = stream.accepted
            await anyio.to_thread.run_sync(
                states, installation, lambda runs: not {"queued", "running"} & {runs[run] for run in others}
            )
    done = installation.run("runs", "list", "--limit", "1000", "--json", check=True)
    ended = {run["run"]: run["state"] for run in map(json.loads, done.stdout.splitlines())}

    assert stream.kills == KILLS_BESIDE_A_STREAM
    assert [run for run, state in ended.items() if state == "failed"] == [poison]
    assert {ended[run] for run in others} == {"succeeded"}
    assert len(others) >= AFTERWARDS + KILLS_BESIDE_A_STREAM
