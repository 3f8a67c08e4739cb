"""What changes under runs that are in flight, that wait or that failed: their files, their secrets, the vault itself."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import anyio
import httpx
from aiohttp import web
from anyio.to_thread import run_sync

from tests.acceptance.conftest import Daemon, Installation
from tests.conftest import OpenServer

OLD, NEW = "canary-old-5d1c7a90e3", "canary-new-82b6f4d017"
FLOW = """
triggers: [{{type: http, config: {{method: POST, path: /{name}, auth: none}}}}]
actions:
  - {{id: call, type: http, config: {{url: "{peer}/"}}}}
  - {{id: rest, type: wait, config: {{for: 1s}}}}
  - {{id: say, type: set, config: {says}}}
output: $action.say
"""
LOGIN = """
actions:
  - {{id: login, type: http, on_interrupt: {interrupt}, config: {{method: POST, url: "{peer}/login", body: $secret.KEY}}}}
  - id: use
    type: http
    config: {{method: POST, url: "{peer}/use", headers: {{X-Key: $secret.KEY}}, body: $action.login.body.echo}}
output: $action.use.status
"""


class Gate:
    """A server that answers when it is opened, and says when three have come."""

    def __init__(self) -> None:
        self.came = 0
        self.all_came = anyio.Event()
        self.opened = anyio.Event()

    async def __call__(self, _: web.Request) -> web.StreamResponse:
        self.came += 1
        if self.came == 3:
            self.all_came.set()
        await self.opened.wait()
        return web.Response()


class Site:
    """Gives back at /login what it gets, takes at /use the key `wanted` only; `seen` are paths and bodies."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.seen: list[tuple[str, str]] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.path, await request.text()))
        if request.path == "/login":
            return web.json_response({"echo": await request.text()})
        return web.Response(status=200 if request.headers["X-Key"] == self.wanted else 403)

    def texts(self, path: str) -> list[str]:
        """What was sent there."""
        return [text for at, text in self.seen if at == path]


def post(daemon: Daemon, *names: str) -> list[str]:
    """Their runs."""
    return [str(httpx.post(f"http://127.0.0.1:{daemon.port}/{name}").json()["run"]) for name in names]


def outputs(installation: Installation, *runs: str) -> list[Any]:
    """What the runs gave."""
    return [json.loads(installation.run("runs", "show", run, "--json", check=True).stdout)["output"] for run in runs]


@contextmanager
def killed(installation: Installation) -> Iterator[Daemon]:
    """A daemon that gets a SIGKILL at the end of the block."""
    with installation.daemon() as daemon:
        yield daemon
        daemon.stop(signal.SIGKILL)


async def test_files_change_under_runs(installation: Installation, http_server: OpenServer) -> None:
    """One is changed, one removed, one renamed; runs in flight, then waiting, then cut off, end as they began."""
    gate = Gate()
    peer = (await http_server(gate.__call__)).origin
    folder = installation.folder / "workflows"
    for name in ("changed", "removed", "renamed"):
        installation.write(f"{name}.yaml", FLOW.format(name=name, peer=peer, says="before"))
    with killed(installation) as daemon:
        runs = await run_sync(post, daemon, "changed", "removed", "renamed")
        await gate.all_came.wait()
        installation.write("changed.yaml", FLOW.format(name="changed", peer=peer, says="after"))
        (folder / "removed.yaml").unlink()
        (folder / "renamed.yaml").rename(folder / "new-name.yaml")
        await run_sync(daemon.wait_for, "workflows reloaded")
        gate.opened.set()
        after = await run_sync(post, daemon, "changed", "renamed")
        gone = await run_sync(httpx.post, f"http://127.0.0.1:{daemon.port}/removed")
    with installation.daemon() as daemon:
        for run in (*runs, *after):
            await run_sync(partial(daemon.wait_for, "run succeeded", run=run))
    listed = [json.loads(line) for line in installation.run("runs", "list", "--json").stdout.splitlines()]

    assert gone.status_code == 404
    assert outputs(installation, *runs) == ["before"] * 3
    assert outputs(installation, *after) == ["after", "before"]
    assert {each["workflow"] for each in listed if each["run"] == after[1]} == {"new-name"}


async def test_a_rerun_after_the_secret_was_replaced(installation: Installation, http_server: OpenServer) -> None:
    """What is finished is not repeated and its value is what it was; what follows has the new secret."""
    site = Site(NEW)
    installation.set_secret("KEY", OLD)
    installation.write("flow.yaml", LOGIN.format(peer=(await http_server(site.__call__)).origin, interrupt="fail"))
    with installation.daemon():
        run = (await installation.result("flow"))["run"]
        await run_sync(installation.set_secret, "KEY", NEW)
        await installation.arun("runs", "rerun", run, check=True)
        shown = await installation.arun("runs", "show", run, "--follow", "--json", check=True)

    assert json.loads(shown.stdout)["state"] == "succeeded"
    assert site.texts("/login") == [OLD]
    assert site.texts("/use") == [OLD, OLD]
    assert [installation.leaks(OLD), installation.leaks(NEW)] == [[], []]


async def test_reruns_when_the_vault_was_lost(installation: Installation, http_server: OpenServer) -> None:
    """A sealed value cannot be opened: what made it is done again, or else the rerun is refused by name."""
    site = Site("nothing")
    peer = (await http_server(site.__call__)).origin
    installation.set_secret("KEY", OLD)
    for interrupt in ("retry", "fail"):
        installation.write(f"{interrupt}.yaml", LOGIN.format(peer=peer, interrupt=interrupt))
    with installation.daemon():
        again, never = [(await installation.result(name))["run"] for name in ("retry", "fail")]
    for path in (installation.folder / "data").glob("runner.db*"):
        path.unlink()
    site.wanted = NEW
    installation.set_secret("KEY", NEW)
    installation.run("secrets", "accept", check=True)
    with installation.daemon():
        refused = await installation.arun("runs", "rerun", never)
        await installation.arun("runs", "rerun", again, check=True)
        await installation.arun("runs", "show", again, "--follow", check=True)

    assert (refused.returncode, b"login must not be repeated (on_interrupt: fail)" in refused.stderr) == (1, True)
    assert site.texts("/login") == site.texts("/use") == [OLD, OLD, NEW]
