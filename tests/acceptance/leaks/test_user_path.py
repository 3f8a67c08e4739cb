"""A person's way from the README alone: the commands that it names, in the order in which one would need them."""

import json
import re
from pathlib import Path

import pytest

from tests.acceptance.conftest import Installation
from tests.acceptance.leaks.peer import Peer
from tests.conftest import OpenServer

README = Path(__file__).parents[3] / "README.md"
WORKFLOW = """
actions:
  - id: fetch
    type: http
    config: {{url: "{url}", headers: {{X-Canary: $secret.API_KEY}}}}
output: $action.fetch.status
"""
FIRST, SECOND = "canary-first-value-1", "canary-second-value-2"


@pytest.mark.timeout(240)
async def test_a_secret_from_its_first_day_to_another_master_key(
    installation: Installation, http_server: OpenServer
) -> None:
    """Init, set, use, usage, replace, roll back, audit, another master key, run again: each as the README writes it."""
    installation.fresh = True
    peer = Peer()
    server = await http_server(peer.handle)
    installation.write("fetch.yaml", WORKFLOW.format(url=server.url("/echo")))

    async def does(*words: str, stdin: bytes | None = None) -> str:
        named = " ".join(words[:2]) if words[0] == "secrets" else words[0]
        assert re.search(rf"`runner {named}\b", README.read_text()), named
        return (await installation.arun(*words, stdin=stdin, check=True)).stdout.decode()

    await does("secrets", "set", "API_KEY", "-", stdin=FIRST.encode())
    await does("run", "fetch", "--json")
    used = json.loads(await does("secrets", "usage", "API_KEY", "--json"))
    await does("secrets", "set", "API_KEY", "-", stdin=SECOND.encode())
    await does("run", "fetch", "--json")
    history = await does("secrets", "history", "API_KEY", "--json")
    await does("secrets", "rollback", "API_KEY", "1")
    await does("run", "fetch", "--json")
    audit = await does("secrets", "audit", "--json")
    await does("secrets", "rotate-master-key", "--write")
    await does("run", "fetch", "--json")
    whole = await does("secrets", "audit", "--verify")

    assert peer.stolen == [FIRST, SECOND, FIRST, FIRST]
    assert [use["workflow"] for use in used["uses"]] == ["fetch"]
    assert list(used["hosts"]) == [server.origin]
    assert [json.loads(line)["version"] for line in history.splitlines()] == [2, 1]
    changes = [json.loads(row)["action"] for row in audit.splitlines()]
    assert [action for action in changes if action in {"set", "replace", "rollback"}] == ["set", "replace", "rollback"]
    assert whole.startswith("the audit log is whole")
    assert installation.leaks(FIRST) + installation.leaks(SECOND) == []
