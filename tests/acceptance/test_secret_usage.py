"""Who uses a secret: said when a workflow is loaded, when somebody asks, and before it is deleted."""

import json
from functools import partial
from typing import Any

import anyio

from tests.acceptance.conftest import Installation
from tests.conftest import OpenServer
from tests.services.http_server import answer

VALUE = "canary-usage-4711-value"

FLOW = """
inputs: {{host: {{type: string, default: "{host}"}}}}
actions:
  - id: call
    type: http
    config:
      url: "http://$input.host/"
      headers: {{X-Key: $secret.API_KEY}}
"""


async def usage(installation: Installation, *words: str) -> dict[str, Any]:
    """The documents of `runner secrets usage`, by name."""
    done = await installation.arun("secrets", "usage", *words, "--json", check=True)
    return {each["name"]: each for each in map(json.loads, done.stdout.splitlines())}


async def test_a_secrets_use_is_known_with_and_without_a_daemon(
    installation: Installation, http_server: OpenServer
) -> None:
    """Missing, used, unused; where it is named, when it was resolved last and for which host; never its value."""
    server = await http_server(answer({"ok": True}))
    installation.write("flow.yaml", FLOW.format(host=f"127.0.0.1:{server.port}"))
    assert (await usage(installation))["API_KEY"]["state"] == "missing"
    with installation.daemon() as daemon:
        missing = partial(daemon.wait_for, "workflow file", level="warning")
        assert "flow.yaml:8:24: actions[0].config.headers.X-Key: there is no secret API_KEY" in str(missing()["error"])
        installation.set_secret("API_KEY", VALUE)
        installation.set_secret("IDLE", VALUE + "-idle")
        told = await anyio.to_thread.run_sync(partial(missing, times=2))
        assert (
            "the secret API_KEY has no allowed_hosts, and the host of this request comes from outside" in told["error"]
        )
        await installation.result("flow")
        alive = await usage(installation)
        shown = await installation.arun("workflows", "show", "flow", "--json", check=True)
    kept = await usage(installation)

    assert [each["severity"] for each in json.loads(shown.stdout)["problems"]] == ["warning"]
    for found in (alive, kept):
        assert {name: each["state"] for name, each in found.items()} == {"API_KEY": "used", "IDLE": "unused"}
        assert [(use["workflow"], use["action"], use["line"]) for use in found["API_KEY"]["uses"]] == [
            ("flow", "call", 8)
        ]
        assert found["API_KEY"]["last_resolved"] is not None
        assert list(found["API_KEY"]["hosts"]) == [server.origin]
        assert found["IDLE"]["last_resolved"] is None
    assert (await installation.arun("secrets", "usage", "API_KEY", check=True)).stdout.decode().count("flow:call") == 1
    assert installation.leaks(VALUE) == []


async def test_deleting_says_what_would_break(installation: Installation) -> None:
    """Before it asks; a no keeps it, --yes does not ask."""
    installation.write("flow.yaml", FLOW.format(host="127.0.0.1:9"))
    installation.set_secret("API_KEY", VALUE)

    refused = installation.run("secrets", "delete", "API_KEY", stdin=b"n\n")
    assert refused.returncode != 0
    assert b"API_KEY is used by flow:call. Delete API_KEY with all its versions?" in refused.stdout + refused.stderr
    assert b"API_KEY" in installation.run("secrets", "list", check=True).stdout

    installation.run("secrets", "delete", "API_KEY", "--yes", check=True)
    assert (await usage(installation))["API_KEY"]["state"] == "missing"


async def test_strict_hosts_keeps_such_a_workflow_from_running(installation: Installation) -> None:
    """The error says where; it is shown, and not run, until the secret is bound."""
    installation.set_secret("API_KEY", VALUE)
    installation.write("flow.yaml", FLOW.format(host="127.0.0.1:9"))
    strict = {"RUNNERD_DASHBOARD_STRICT_HOSTS": "true"}
    with installation.daemon(environ=strict):
        done = await installation.arun("run", "flow")
        shown = await installation.arun("workflows", "show", "flow", "--json", check=True)

    assert done.returncode == 1
    assert b"flow.yaml:8:24" in done.stderr
    assert b"has no allowed_hosts" in done.stderr
    assert [each["severity"] for each in json.loads(shown.stdout)["problems"]] == ["error"]
