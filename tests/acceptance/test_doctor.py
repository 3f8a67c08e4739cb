"""`runner doctor`: a healthy installation, and each illness with its cure."""

import json
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from runner.secrets.keys import new_master_key
from tests.acceptance.conftest import Installation


def findings(installation: Installation, *flags: str, status: int, **more: Any) -> dict[str, list[dict[str, str]]]:
    """What `doctor` found, by name; the clock's and the disk's, which are the machine's business, left out."""
    done = installation.run("doctor", "--json", *flags, **more)
    assert done.returncode == status, done.stdout + done.stderr
    found: dict[str, list[dict[str, str]]] = {}
    for line in done.stdout.splitlines():
        finding = json.loads(line)
        if finding["name"] not in {"clock", "disk"}:
            found.setdefault(finding["name"], []).append(finding)
    return found


def ill(found: dict[str, list[dict[str, str]]]) -> set[str]:
    """The names of those that are not ok."""
    return {name for name, several in found.items() if any(each["state"] != "ok" for each in several)}


def counts_after(cure: str, path: Path) -> dict[str, int]:
    """What the store counts once somebody has done what the cure says."""
    command, _, statements = cure.partition(' "')
    assert command == f"stop the daemon and count anew: sqlite3 {path}"
    with closing(sqlite3.connect(path)) as runs:
        runs.executescript(statements.removesuffix('"'))
        return dict(runs.execute("select state, runs from counts where runs > 0"))


def test_a_healthy_installation(installation: Installation) -> None:
    """Every check is ok, before the first start, with a daemon running, and after runs; each says what it saw."""
    assert ill(findings(installation, "--deep", status=0)) == set()
    installation.write("a.yaml", "actions: [{id: a, type: set, config: 1}, {id: w, type: wait, config: {for: 1ms}}]")
    installation.set_secret("NAME", "a value of some length")
    with installation.daemon():
        assert installation.run("run", "a").returncode == 0
        found = findings(installation, "--deep", status=0)
        assert ill(found) == set()
        assert found["ports"][0]["what"] == "held by the running daemon"
        assert found["journals"][0]["what"] == "1 runs are what their journals say"
        assert found["key"][0]["what"] == "opens the vault"
    assert installation.run("doctor").stdout.count(b"ok ") >= 10


def test_each_illness_is_named_with_its_cure(installation: Installation) -> None:
    """A wrong key, open modes, a taken port, a broken file, a damaged cache, wrong counts: all in one go, exit status 1."""
    installation.write("a.yaml", "actions: [{id: a, type: set, config: 1}]")
    installation.set_secret("NAME", "a value of some length")
    assert installation.run("run", "a").returncode == 0
    installation.write("b.yaml", "actions: [{id: a, type: sett}]")
    data = installation.folder / "data"
    (data / "runner.db").chmod(0o644)
    with closing(sqlite3.connect(data / "runner-runs.db")) as runs, runs:
        runs.execute("update runs set state = 'failed'")
        runs.execute("update counts set runs = 7 where state = 'queued'")
        runs.execute("delete from counts where state = 'failed'")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environ = {
            "RUNNERD_DASHBOARD_MASTER_KEY": new_master_key(),
            "RUNNERD_DASHBOARD_PORT": str(taken.getsockname()[1]),
        }
        found = findings(installation, "--deep", status=1, environ=environ)

    assert ill(found) == {"key", "files", "ports", "workflows", "journals", "counts"}
    assert found["key"][0]["state"] == "error"
    assert found["files"][0]["cure"] == f"chmod 600 {data / 'runner.db'}"
    assert "dashboard.port" in found["ports"][1]["what"]
    assert "b.yaml:1:" in found["workflows"][0]["what"]
    assert "listed as failed, but its journal ends with succeeded" in found["journals"][0]["what"]
    assert [each["what"] for each in found["counts"]] == [
        "0 runs are counted as failed, and there are 1",
        "7 runs are counted as queued, and there are 0",
    ]
    assert counts_after(found["counts"][0]["cure"], data / "runner-runs.db") == {"failed": 1}


def test_wrong_settings_are_a_finding(installation: Installation) -> None:
    """The one check that there is then."""
    found = findings(installation, status=1, environ={"RUNNERD_SERVER_PORT": "many"})

    assert list(found) == ["settings"]
    assert "server.port" in found["settings"][0]["what"]


def test_a_damaged_file_is_found(installation: Installation) -> None:
    """By its integrity, with or without `--deep`."""
    installation.write("a.yaml", "actions: [{id: a, type: set, config: 1}]")
    assert installation.run("run", "a").returncode == 0
    path = installation.folder / "data" / "runner-runs.db"
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)

    found = findings(installation, status=1)

    assert found["runs"][0]["state"] == "error"
    assert "runner restore" in found["runs"][0]["cure"]
