"""What keeps a daemon from starting: one sentence on standard error, exit status 1, and no traceback."""

import hashlib
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import Installation


def refused(installation: Installation, *words: str, **environ: str) -> str:
    """What `runner start` says when it ends with 1."""
    done = installation.run("start", *words, environ=environ)
    told = [line for line in done.stderr.decode().splitlines() if not line.startswith('{"ts"')]
    assert (done.returncode, len(told)) == (1, 1), done.stderr.decode()
    assert "Traceback" not in told[0]
    return told[0].removeprefix("runner: ")


def test_a_wrong_master_key(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The key of another installation: named so, and not a byte of the vault changes."""
    installation.set_secret("API_KEY", "some-secret-value")
    database = installation.folder / "data" / "runner.db"
    before = hashlib.sha256(database.read_bytes()).digest()
    other = Installation(tmp_path_factory.mktemp("other")).folder / "config.toml"
    found = re.search(r'master_key = "(.*)"', other.read_text())
    assert found
    message = refused(installation, RUNNERD_DASHBOARD_MASTER_KEY=found[1])

    assert "master key" in message
    assert found[1] not in message
    assert hashlib.sha256(database.read_bytes()).digest() == before
    assert not (installation.folder / "data" / "runner-runs.db").exists()


def test_a_locked_store(installation: Installation) -> None:
    """The message names the process that holds it; that one goes on."""
    with installation.daemon() as daemon:
        message = refused(installation)

        assert f"process {daemon.process.pid} executes on this store" in message
        assert installation.run("runs", "list").returncode == 0


def test_a_port_that_is_taken(installation: Installation) -> None:
    """The message names the setting, the port and why."""
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = refused(installation, RUNNERD_SERVER_PORT=str(port))

    assert message == f"server.port: port {port} on 0.0.0.0 cannot be listened on: address already in use"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("prot = 1", "server.prot: there is no such key; did you mean port?"),
        ('shutdown_timeout = "soon"', 'server.shutdown_timeout: expected a duration such as "500ms"'),
        ("port = ", "this is not TOML"),
    ],
)
def test_wrong_settings(installation: Installation, line: str, expected: str) -> None:
    """The message names the file, the key and what was expected."""
    path = installation.folder / "config.toml"
    path.write_text(f"[server]\n{line}\n")
    message = refused(installation)

    assert message.startswith("config.toml: ")
    assert expected in message


def test_a_config_that_is_not_there(installation: Installation) -> None:
    """It was named, so its absence is an error."""
    message = refused(installation, "--config", "other.toml")

    assert message == "other.toml: cannot be read: No such file or directory"


def test_a_folder_that_cannot_be_written(installation: Installation) -> None:
    """Path, our user, the owner, the mode, and the one command that cures."""
    data = installation.folder / "data"
    data.chmod(0o555)
    if os.geteuid() == 0:
        message = _start_as_nobody(installation.folder, data)
        uid = 65534
    else:
        message, uid = refused(installation), os.geteuid()

    owner = data.stat().st_uid
    assert f"sqlite.path: user {uid} cannot write to {data} (owner {owner}, mode 0555): chown {uid}:" in message


def _start_as_nobody(folder: Path, data: Path) -> str:
    """Root may write anywhere: check as somebody who may not, in a child that gives its rights up."""
    check = (
        "import os, sys; from pathlib import Path; from runner.daemon.folders import check_writable; "
        "os.setgid(65534); os.setuid(65534); check_writable(Path(sys.argv[1]), 'sqlite.path')"
    )
    for path in (folder, *folder.parents[:-1]):
        if path.stat().st_mode & 0o001 == 0:
            path.chmod(path.stat().st_mode | 0o001)
    done = subprocess.run([sys.executable, "-c", check, data], capture_output=True, check=False)
    return done.stderr.decode().splitlines()[-1]
