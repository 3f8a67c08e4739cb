"""
Nothing that Runner writes holds a secret: twenty of them in every form, after everything that may go wrong with them.

    secrets ──► requests, statements, expressions, inputs, a kill ──► a peer and databases that give all of it back
            ──► journal, logs, answers, pages, commands, terminal, backup, memory ──► searched

One daemon does all of it, is killed in the middle of a run, and another one goes on when every secret was replaced.
"""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import anyio
import httpx
import pytest

from runner.accounts.credentials import SCOPES
from tests.acceptance.conftest import Daemon, Installation
from tests.acceptance.leaks import flows, table, visited
from tests.acceptance.leaks.collected import Outputs
from tests.acceptance.leaks.needles import ALL, Needles
from tests.acceptance.leaks.peer import GIVEN, Peer
from tests.conftest import OpenServer
from tests.unit.redaction.shapes import SECRETS

REPLACED = {name: f"another-Value/of {number}+{name.lower()}" for number, name in enumerate(SECRETS)}
OWN = {
    "CANARY_PASSWORD": "env-Canary/with a blank+1",
    "CANARY_MOUNTED_TOKEN": "file-Canary/with a blank+2",
    "TOKEN": "input-Canary/with a blank+3",
    "GIVEN": GIVEN,
    "BOUND": "bound-Canary/with a blank+4",
}


def dotenv(values: dict[str, str]) -> str:
    """An .env file that holds these."""
    return "".join(
        "{}='{}'\n".format(name, value.replace("\\", "\\\\").replace("'", "\\'")) for name, value in values.items()
    )


async def put(installation: Installation, values: dict[str, str], *flags: str) -> None:
    """All of them by one command."""
    file = installation.folder / ".env"
    file.touch(mode=0o600)
    file.write_text(dotenv(values), newline="")
    done = await installation.arun("secrets", "import", file, *flags, check=True)
    file.unlink()
    assert done.stdout.count(b" is ") == len(values)


@pytest.mark.timeout(240)
async def test_no_secret_is_in_anything_that_was_written(
    installation: Installation, http_server: OpenServer, postgres_url: str, mysql_url: str, tmp_path: Path
) -> None:
    """Echoed, encoded, cast, raised over, timed out with, cut off by a kill: found in no form in any place."""
    peer = Peer()
    server = await http_server(peer.handle)
    outputs = Outputs(installation)
    installation.settings(shutdown_timeout="1s")
    await put(installation, dict(SECRETS))
    bound = ("secrets", "set", "BOUND", "-", "--allowed-host", "api.example.test")
    await installation.arun(*bound, stdin=OWN["BOUND"].encode(), check=True)
    installation.write("requests.yaml", flows.requests_flow(server.origin))
    installation.write("statements.yaml", flows.statements_flow(postgres_url, mysql_url))
    installation.write("expressions.yaml", flows.expressions_flow())
    installation.write("own.yaml", flows.own_flow(server.origin))
    installation.write("cut.yaml", flows.cut_flow(server.origin))
    mounted = tmp_path / "mounted"
    mounted.write_text(OWN["CANARY_MOUNTED_TOKEN"] + "\n")
    environ = {"CANARY_PASSWORD": OWN["CANARY_PASSWORD"], "CANARY_MOUNTED_TOKEN_FILE": str(mounted)}

    try:
        with installation.daemon("--dashboard", "--log-level", "debug", environ=environ) as daemon:
            await _do_everything(daemon, outputs)
            await _look_around(daemon, outputs)
            await _visit(daemon, installation, outputs)
            run = await _cut(daemon, peer)
            outputs["log"] += daemon.raw
    finally:
        peer.release.set()
    outputs.files("killed")
    await put(installation, REPLACED, "--replace")
    with installation.daemon("--dashboard", "--log-level", "debug", environ=environ) as daemon:
        await outputs.command("runs", "show", run, "--follow", status=None)
        shown = await outputs.command("runs", "show", run, "--json")
        outputs.files("resumed")
        daemon.process.send_signal(signal.SIGSEGV)
        assert await anyio.to_thread.run_sync(daemon.ended) == -signal.SIGSEGV
        outputs["log after the kill"] += daemon.raw

    sys.stdout.write("\n".join(("", *table.lines(outputs, ALL), "")))
    assert b'"state":"failed"' in shown.partition(b'"actions"')[0]
    assert b'"message":"[secret ' in shown
    assert [all(value in each for value in REPLACED.values()) for each in peer.stolen].count(True) == 1
    assert not list(installation.folder.rglob("core*"))
    assert all(value in "".join(peer.stolen) for value in ("canary0123456789", "correct canary battery"))
    assert outputs.leaks(ALL) == []
    assert outputs.leaks(Needles(REPLACED)) == []
    assert outputs.leaks(Needles(OWN)) == []


async def _do_everything(daemon: Daemon, outputs: Outputs) -> None:
    async with httpx.AsyncClient(timeout=130) as client:
        for name in ("requests", "statements", "expressions"):
            answer = await client.post(f"http://127.0.0.1:{daemon.port}/{name}")
            assert answer.status_code == 200, answer.text
            outputs[f"answer to {name}"] += answer.content


async def _look_around(daemon: Daemon, outputs: Outputs) -> None:
    said = await outputs.terminal("run", "own", "--input", f"token={OWN['TOKEN']}")
    assert b"[secret" in said
    listed = await outputs.command("runs", "list", "--json")
    for line in listed.splitlines():
        run = line.partition(b'"run":"')[2].partition(b'"')[0].decode()
        await outputs.command("runs", "show", run, "--json")
    await outputs.terminal("runs", "show", run)
    await outputs.command("secrets", "usage", "--json")
    await outputs.command("secrets", "list")
    await outputs.command("secrets", "audit", "--json")
    await outputs.command("workflows", "list", "--json")
    await outputs.command("doctor", "--deep", status=None)
    await outputs.command("backup", "data/backup.tar")
    outputs.files("running")
    assert await anyio.to_thread.run_sync(_is_closed, daemon.process.pid)


async def _visit(daemon: Daemon, installation: Installation, outputs: Outputs) -> None:
    """Every page and every endpoint."""
    origin = f"http://127.0.0.1:{daemon.wait_for('ready')['dashboard_port']}"
    every = [word for scope in SCOPES for word in ("--scope", scope)]
    made = await installation.arun("tokens", "create", "everything", *every, check=True)
    async with visited.program(outputs, made.stdout.decode().strip(), origin) as program:
        listed = (await program.client.get("/api/v1/runs")).json()["items"]
        workflows = (await program.client.get("/api/v1/workflows")).json()["items"]
        parts = {"run": [each["run"] for each in listed], "name": [each["name"] for each in workflows] + list(SECRETS)}
        await visited.see_endpoints(program, parts)
        async with visited.person(outputs, installation.folder, origin) as person:
            await visited.see_pages(person, parts)
    for visit in (program, person):
        assert list(visit.statuses.values()).count(200) > len(SECRETS)
        assert [path for path, status in visit.statuses.items() if status in {401, 500}] == []


def _is_closed(process: int) -> bool:
    """Whether another user (the same one, unless that is root) is denied its memory and its variables."""
    files = [f"/proc/{process}/{name}" for name in ("mem", "environ", "maps")]
    done = subprocess.run(
        ["/usr/bin/head", "-c", "1", *files],
        cwd="/",
        env={"LC_ALL": "C"},
        capture_output=True,
        check=False,
        user=65534 if os.getuid() == 0 else None,
    )
    return done.stdout == b"" and done.stderr.count(b"Permission denied") == len(files)


async def _cut(daemon: Daemon, peer: Peer) -> str:
    """Kill the daemon while a run hangs at the peer; the run's id."""
    peer.hanging = anyio.Event()
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"http://127.0.0.1:{daemon.port}/cut")
    with anyio.fail_after(30):
        await peer.hanging.wait()
    await anyio.to_thread.run_sync(partial(daemon.stop, signal.SIGKILL))
    return str(answer.json()["run"])
