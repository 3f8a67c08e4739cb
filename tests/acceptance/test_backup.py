"""Backups while runs go on, and what comes back from one."""

import json
import signal
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import web

from runner.secrets.keys import new_master_key
from runner.store.copies import BOOT_GAP
from tests.acceptance import killed_restore
from tests.acceptance.conftest import Installation
from tests.conftest import OpenServer

CANARY = "canary-7f3e9a51c2d84b60"
SLOW = """
actions:
  - {{id: slow, type: http, config: {{url: "{url}/slow", headers: {{Authorization: "Bearer $secret.API_KEY"}}}}}}
"""


class Gate:
    """A server that answers when it is opened, and says when somebody came."""

    def __init__(self) -> None:
        self.came = anyio.Event()
        self.opened = anyio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.came.set()
        await self.opened.wait()
        return web.json_response({"echo": request.headers["Authorization"]})


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Closed."""
    gate = Gate()
    yield gate
    gate.opened.set()


def run_of(installation: Installation) -> dict[str, Any]:
    """The one run there is."""
    (line,) = installation.run("runs", "list", "--json", check=True).stdout.splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def mode(path: Path) -> int:
    """The permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
async def backup(installation: Installation, http_server: OpenServer, gate: Gate) -> Path:
    """A backup that was made while a run was in flight; the run ended afterwards, and the daemon too."""
    server = await http_server(gate)
    installation.set_secret("API_KEY", CANARY)
    installation.write("slow.yaml", SLOW.format(url=server.origin))
    target = installation.folder / "copy.tar"
    with installation.daemon():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(installation.arun, "run", "slow")
            with anyio.fail_after(20):
                await gate.came.wait()
            made = await installation.arun("backup", target, "--json", check=True)
            again = await installation.arun("backup", target)
            refused = await installation.arun("restore", target)
            gate.opened.set()
    said = [json.loads(line) for line in made.stdout.splitlines()]
    assert [each.get("copied") for each in said] == ["runs.db", "vault.db", None]
    assert said[-1]["bytes"] == target.stat().st_size
    assert (again.returncode, b"is there already: a backup replaces nothing" in again.stderr) == (1, True)
    assert (refused.returncode, b"executes on this store, and only one may" in refused.stderr) == (1, True)
    return target


async def test_a_backup_is_private_and_another_key_restores_nothing(installation: Installation, backup: Path) -> None:
    """Mode 0600, no canary and no master key in it, nothing half-made beside it; a wrong key leaves all as it was."""
    key = next(
        line for line in (installation.folder / "config.toml").read_text().splitlines() if "runner-key-1" in line
    )

    assert mode(backup) == 0o600
    content = await anyio.Path(backup).read_bytes()
    assert CANARY.encode() not in content
    assert key.partition('"')[2].strip('"').encode() not in content
    assert [path.name for path in installation.folder.iterdir() if "copy" in path.name] == ["copy.tar"]

    environ = {"RUNNERD_DASHBOARD_MASTER_KEY": new_master_key()}
    before = {path.name: path.read_bytes() for path in (installation.folder / "data").iterdir() if path.is_file()}

    done = await installation.arun("restore", backup, environ=environ)

    assert done.returncode == 1
    assert b"it was made under another key. Nothing was changed." in done.stderr
    after = {path.name: path.read_bytes() for path in (installation.folder / "data").iterdir() if path.is_file()}
    assert after == before


async def test_a_restored_store_is_held(installation: Installation, backup: Path) -> None:
    """Its unfinished run is cancelled, its secrets are there, what it replaced is kept, its boot is beyond any seen."""
    assert run_of(installation)["state"] == "succeeded"

    done = await installation.arun("restore", backup, check=True)

    assert b"1 unfinished runs are cancelled (restored)" in done.stdout
    run = run_of(installation)
    assert run["state"] == "cancelled"
    assert run["error"]["message"].startswith("restored from a backup of 20")
    kept = sorted(path for path in (installation.folder / "data").iterdir() if ".before-" in path.name)
    assert len(kept) == 3
    assert {mode(path) for path in kept} == {0o600}
    assert not [path for path in (installation.folder / "data").iterdir() if path.name.startswith(".restore")]
    with installation.daemon() as daemon:
        ready = daemon.wait_for("ready")
        assert (ready["recovered"], ready["boot"] > BOOT_GAP) == (0, True)
        assert b"API_KEY" in (await installation.arun("secrets", "list", check=True)).stdout


async def test_a_restore_that_was_killed_is_finished_by_the_next(installation: Installation, backup: Path) -> None:
    """Killed before its first, second and third file take their places: each is whole, the old one or the new one."""
    data = installation.folder / "data"
    for number in (1, 2, 3):
        words = [sys.executable, killed_restore.__file__, str(number), "restore", str(backup)]
        done = await anyio.run_process(words, cwd=installation.folder, env=installation.environ, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        for name in ("runner.db", "runner-runs.db"):
            with closing(sqlite3.connect(data / name)) as database:
                assert database.execute("pragma integrity_check").fetchall() == [("ok",)]

    await installation.arun("restore", backup, check=True)

    assert run_of(installation)["state"] == "cancelled"
    assert not [*data.glob(".restore*")]
    with installation.daemon() as daemon:
        assert daemon.wait_for("ready")["recovered"] == 0
        assert b"API_KEY" in (await installation.arun("secrets", "list", check=True)).stdout


async def test_with_resume_its_runs_go_on(installation: Installation, backup: Path) -> None:
    """The run that was in flight when the backup was made ends at the next start."""
    await installation.arun("restore", "--resume", backup, check=True)

    with installation.daemon() as daemon:
        assert daemon.wait_for("ready")["recovered"] == 1
        await anyio.to_thread.run_sync(lambda: daemon.wait_for("run succeeded"))
    assert run_of(installation)["state"] == "succeeded"
