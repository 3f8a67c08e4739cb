"""How a daemon ends, on purpose and by SIGKILL, and what becomes of its runs."""

import json
import signal
from collections.abc import Iterator

import anyio
import pytest
from aiohttp import web

from tests.acceptance.conftest import Installation
from tests.conftest import OpenServer
from tests.services.http_server import HttpServer

SLOW = """
actions:
  - {{id: first, type: set, config: 1}}
  - {{id: slow, type: http, config: {{url: "{url}/slow"}}}}
  - {{id: after, type: http, config: {{url: "{url}/after"}}}}
output: $action.slow.body
"""


class Gate:
    """A server whose /slow answers when it is opened, and says when somebody came."""

    def __init__(self) -> None:
        self.came = anyio.Event()
        self.opened = anyio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/slow":
            self.came.set()
            await self.opened.wait()
        return web.json_response({"path": request.path})


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Closed."""
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
async def server(http_server: OpenServer, gate: Gate) -> HttpServer:
    """The server behind the gate."""
    return await http_server(gate)


def last_run(installation: Installation) -> dict[str, object]:
    """The newest run, as it lies in the store."""
    document: dict[str, object] = json.loads(
        installation.run("runs", "list", "--json", check=True).stdout.splitlines()[0]
    )
    return document


async def test_sigterm_lets_the_run_in_flight_end(installation: Installation, server: HttpServer, gate: Gate) -> None:
    """No new run is taken and /readyz says why, the one in flight goes on to its end, and the exit status is 0."""
    installation.write("slow.yaml", SLOW.format(url=server.origin))
    installation.write("other.yaml", "actions: [{id: a, type: set, config: 1}]")
    with installation.daemon() as daemon:
        async with anyio.create_task_group() as tasks:
            results: list[dict[str, object]] = []

            async def run() -> None:
                results.append(await installation.result("slow"))

            tasks.start_soon(run)
            await gate.came.wait()
            daemon.process.send_signal(signal.SIGTERM)
            await anyio.to_thread.run_sync(daemon.wait_for, "told to stop")
            refused = await installation.arun("run", "other")
            gate.opened.set()
        status = await anyio.to_thread.run_sync(daemon.ended)

    assert (refused.returncode, refused.stderr) == (1, b"runner: the daemon is stopping and takes no new runs\n")
    assert (results[0]["state"], results[0]["output"], status) == ("succeeded", {"path": "/slow"}, 0)


async def test_a_second_sigterm_ends_at_once(installation: Installation, server: HttpServer, gate: Gate) -> None:
    """Though a run is in flight and has 30 seconds; the next start carries it to its end."""
    installation.write("slow.yaml", SLOW.format(url=server.origin))
    with installation.daemon() as daemon:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(installation.arun, "run", "slow")
            await gate.came.wait()
            daemon.process.send_signal(signal.SIGTERM)
            await anyio.to_thread.run_sync(daemon.wait_for, "told to stop")
            daemon.process.send_signal(signal.SIGTERM)
            status = await anyio.to_thread.run_sync(daemon.ended)
    assert status == 1
    assert last_run(installation)["state"] == "running"
    gate.opened.set()

    with installation.daemon() as second:
        ended = await anyio.to_thread.run_sync(second.wait_for, "run succeeded")
    assert ended["run"] == last_run(installation)["run"]


async def test_what_outlives_shutdown_timeout_resumes_at_the_next_start(
    installation: Installation, server: HttpServer, gate: Gate
) -> None:
    """The stop is clean though the run is not through; whoever followed it is told; its finished action is not repeated."""
    installation.settings(shutdown_timeout="200ms")
    installation.write("slow.yaml", SLOW.format(url=server.origin))
    with installation.daemon() as daemon:
        async with anyio.create_task_group() as tasks:
            followed: list[bytes] = []

            async def run() -> None:
                followed.append((await installation.arun("run", "slow")).stderr)

            tasks.start_soon(run)
            await gate.came.wait()
            status = await anyio.to_thread.run_sync(daemon.stop)
    assert status == 0
    assert b"it goes on when the daemon starts" in followed[0]
    gate.opened.set()

    with installation.daemon() as second:
        assert second.wait_for("ready")["recovered"] == 1
        await anyio.to_thread.run_sync(second.wait_for, "run succeeded")
    assert [request.path for request in server.requests] == ["/slow", "/slow", "/after"]


async def test_a_killed_daemon_ends_its_run_at_the_next_start(
    installation: Installation, server: HttpServer, gate: Gate
) -> None:
    """SIGKILL in the middle of an action: the restart repeats that action, no other, and the run shows its recovery."""
    installation.write("slow.yaml", SLOW.format(url=server.origin))
    with installation.daemon() as daemon:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(installation.arun, "run", "slow")
            await gate.came.wait()
            await anyio.to_thread.run_sync(daemon.stop, signal.SIGKILL)
    gate.opened.set()

    with installation.daemon() as second:
        ended = await anyio.to_thread.run_sync(second.wait_for, "run succeeded")
        shown = json.loads((await installation.arun("runs", "show", ended["run"], "--json", check=True)).stdout)
    assert [request.path for request in server.requests] == ["/slow", "/slow", "/after"]
    assert (shown["state"], shown["recoveries"]) == ("succeeded", 1)
    assert [action["state"] for action in shown["actions"]] == ["succeeded"] * 3


async def test_an_idle_daemon_ends_within_two_seconds(installation: Installation) -> None:
    """Nothing holds it up, SIGINT is as good, and its control socket is gone."""
    with installation.daemon() as daemon:
        with anyio.fail_after(30):
            status = await anyio.to_thread.run_sync(daemon.stop, signal.SIGINT)

    assert status == 0
    assert list((installation.folder / "data" / "runner.run").iterdir()) == []
