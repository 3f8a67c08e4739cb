"""`runner tokens`: made once, seen by a running daemon at once, in the audit log."""

import json
import urllib.request
from urllib.error import HTTPError

from tests.acceptance.conftest import Installation


def test_a_token_works_at_once_and_ends_at_once(installation: Installation) -> None:
    """It is on standard output alone, in the list without its text, and in no file; the audit log has both."""
    with installation.daemon("--dashboard") as daemon:
        port = daemon.wait_for("ready")["dashboard_port"]
        made = installation.run("tokens", "create", "ci", "--scope", "read,run", "--expires", "90d", check=True)
        token = made.stdout.decode().strip()
        first = _status(port, token)
        listed = json.loads(installation.run("tokens", "list", "--json", check=True).stdout)
        installation.run("tokens", "revoke", "ci", check=True)
        second = _status(port, token)
        wrong = installation.run("tokens", "revoke", "ci")
        setup = daemon.wait_for("set the password of the dashboard")

    audit = installation.run("secrets", "audit", check=True).stdout.decode()
    assert (first, second) == (404, 401)
    assert (listed["name"], listed["scopes"]) == ("ci", ["read", "run"])
    assert listed["expires_at"]
    assert wrong.returncode == 1
    assert "token_made" in audit
    assert "token_revoked" in audit
    assert (installation.folder / "data" / "setup-token").read_text().strip() not in daemon.raw.decode()
    assert setup["url"].startswith("http://127.0.0.1:")
    installation.said = installation.said.replace(made.stdout, b"")
    assert installation.leaks(token) == []


def test_it_works_without_a_master_key_and_says_what_is_wrong(installation: Installation) -> None:
    """Then nothing is audited; wrong use is status 2."""
    (installation.folder / "config.toml").unlink()

    assert installation.run("tokens", "create", "a", "--scope", "read").returncode == 0
    assert installation.run("tokens", "create", "a", "--scope", "read").returncode == 1
    assert installation.run("tokens", "create", "b", "--scope", "read", "--expires", "soon").returncode == 2
    assert installation.run("tokens", "create", "b").returncode == 2
    assert b"setup-token" in installation.run("tokens", "setup", check=True).stdout


def _status(port: int, token: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/nowhere")
    request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code
