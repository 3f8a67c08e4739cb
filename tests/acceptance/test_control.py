"""Runs are cancelled, run again and watched from the command line, with a daemon and without."""

import json
from typing import Any

import anyio
from aiohttp import web

from tests.acceptance.conftest import Installation
from tests.conftest import OpenServer

WAITS = "actions: [{id: rest, type: wait, config: {for: 1h}}]\nfinally: [{id: tidy, type: set, config: 1}]\n"
CALLS = """
actions:
  - {{id: a, type: http, config: {{method: POST, url: "{url}/a"}}}}
  - {{id: b, type: http, config: {{method: POST, url: "{url}/b"}}}}
"""


class Server:
    """Refuses /b until `is_mended`; keeps the keys by path."""

    def __init__(self) -> None:
        self.is_mended = False
        self.keys: dict[str, list[str]] = {}

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.keys.setdefault(request.path, []).append(request.headers["Idempotency-Key"])
        return web.Response(status=200 if self.is_mended or request.path == "/a" else 404)


def rows(installation: Installation, *words: str) -> list[dict[str, Any]]:
    """What a listing prints as JSON."""
    done = installation.run("runs", *words, "--json", check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_a_failed_run_goes_on_by_the_daemon(installation: Installation, http_server: OpenServer) -> None:
    """From its failed action under its key; `--follow` tells of it to its end; from an action it has new keys."""
    handler = Server()
    server = await http_server(handler)
    installation.write("calls.yaml", CALLS.format(url=server.origin))
    with installation.daemon():
        run = (await installation.result("calls"))["run"]
        handler.is_mended = True
        again = await installation.arun("runs", "rerun", run[:12], "--json", check=True)
        assert json.loads(again.stdout)["run"] == run
        followed = await installation.arun("runs", "show", run, "--follow", "--json", check=True)
        assert json.loads(followed.stdout)["state"] == "succeeded"
        refused = await installation.arun("runs", "rerun", run)
        assert (refused.returncode, b"has succeeded" in refused.stderr) == (1, True)
        await installation.arun("runs", "rerun", run, "--from", "b", check=True)
        plain = await installation.arun("runs", "show", run, "--follow", check=True)
        assert b"succeeded" in plain.stdout
    assert [len(handler.keys[path]) for path in ("/a", "/b")] == [1, 3]
    assert len(set(handler.keys["/b"])) == 2


async def test_a_failed_run_goes_on_without_a_daemon(installation: Installation, http_server: OpenServer) -> None:
    """It is carried out here, as `runner run` does."""
    handler = Server()
    server = await http_server(handler)
    path = installation.write("calls.yaml", CALLS.format(url=server.origin))
    run = (await installation.result(path))["run"]
    handler.is_mended = True
    again = await installation.arun("runs", "rerun", run, "--json", check=True)
    assert json.loads(again.stdout)["state"] == "succeeded"
    assert [len(handler.keys[path]) for path in ("/a", "/b")] == [1, 2]
    assert (await installation.arun("runs", "rerun", "zzzzzzzz")).returncode == 1


async def test_a_cancel_ends_a_run_that_waits(installation: Installation) -> None:
    """Its `finally` is done; one that has ended, or that nobody knows, is refused by name and the others go on."""
    installation.write("waits.yaml", WAITS)
    with installation.daemon():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(installation.arun, "run", "waits")
            while not (found := rows(installation, "list", "--state", "running")):  # noqa: ASYNC110  another process
                await anyio.sleep(0.05)
            run = found[0]["run"]
            done = await installation.arun("runs", "cancel", "zzzzzzzz", run[:12], "--json")
            assert (done.returncode, json.loads(done.stdout)["run"]) == (1, run)
            assert b"no run 'zzzzzzzz'" in done.stderr
        (shown,) = rows(installation, "show", run)
        assert (shown["state"], [each["state"] for each in shown["actions"]]) == (
            "cancelled",
            ["cancelled", "succeeded"],
        )
        late = await installation.arun("runs", "cancel", run)
        assert (late.returncode, b"has ended" in late.stderr) == (1, True)


async def test_a_cancel_without_a_daemon_is_done_by_the_next_one(installation: Installation) -> None:
    """It is in the journal at once, twice is as good as once."""
    installation.write("waits.yaml", WAITS)
    with installation.daemon() as daemon:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(installation.arun, "run", "waits")
            while not (found := rows(installation, "list", "--state", "running")):  # noqa: ASYNC110  another process
                await anyio.sleep(0.05)
            daemon.stop()
    run = found[0]["run"]
    for _ in range(2):
        done = installation.run("runs", "cancel", run, check=True)
        assert b"when a daemon starts" in done.stdout
    with installation.daemon() as daemon:
        daemon.wait_for("run cancelled", run=run)
    (shown,) = rows(installation, "show", run)
    assert (shown["state"], [each["state"] for each in shown["actions"]]) == ("cancelled", ["cancelled", "succeeded"])
    assert installation.run("runs", "cancel", run).returncode == 1
