"""A daemon under load, and others that change a secret: each change counts for the next action."""

import json
import re
import time

import anyio
import anyio.to_thread
import httpx

from tests.acceptance.conftest import PATIENCE, Installation
from tests.conftest import OpenServer
from tests.integration.secrets.test_processes import setter, told
from tests.services.http_server import answer

COMMANDS = 10
CHANGES = 100
CLIENTS = 2

FLOW = """
triggers: [{{type: http, config: {{path: /{name}, auth: none, respond: result}}}}]
actions:
  - {{id: call, type: http, config: {{url: "{url}/{name}", headers: {{X-Key: $secret.A}}}}}}
output: $action.call.status
"""


async def test_each_of_a_hundred_changes_counts_for_the_next_action(
    installation: Installation, http_server: OpenServer
) -> None:
    """Ten by the command, ninety by one other process, while clients keep the daemon busy with the same secret."""
    server = await http_server(answer({"ok": True}))
    for name in ("load", "next"):
        installation.write(f"{name}.yaml", FLOW.format(name=name, url=server.url("").rstrip("/")))
    installation.set_secret("A", "value-number-before")
    key = re.findall(r'master_key = "(.+)"', (installation.folder / "config.toml").read_text())[0]
    under_load, is_over = list[int](), anyio.Event()
    with installation.daemon() as daemon, setter(installation.folder / "data" / "runner.db", key) as process:
        base = f"http://127.0.0.1:{daemon.port}"
        async with httpx.AsyncClient(base_url=base, timeout=PATIENCE) as client, anyio.create_task_group() as tasks:

            async def load() -> None:
                while not is_over.is_set():
                    under_load.append((await client.post("/load", json={})).status_code)

            for _ in range(CLIENTS):
                tasks.start_soon(load)
            for number in range(CHANGES):
                value = f"value-number-{number:03}"
                if number < COMMANDS:
                    await installation.arun("secrets", "set", "A", "-", stdin=value.encode(), check=True)
                else:
                    await anyio.to_thread.run_sync(told, process, f"set {value}")
                assert (await client.post("/next", json={})).json() == 200
            is_over.set()  # and each waits for its answer: the server of this test answers nothing while the daemon stops
        assert process.stdin is not None
        process.stdin.close()

    seen = [request.headers["x-key"] for request in server.requests if request.path == "/next"]
    assert seen == [f"value-number-{number:03}" for number in range(CHANGES)]
    assert len(under_load) > CLIENTS
    assert set(under_load) == {200}


def test_a_new_secret_that_nobody_has_asked_for_is_masked(installation: Installation) -> None:
    """It comes into a run in another way, soon after it was set beside the daemon."""
    installation.write(
        "echo.yaml", "inputs: {text: {type: string}}\noutput: $input.text\nactions: [{id: a, type: set, config: 1}]"
    )
    with installation.daemon():
        installation.set_secret("NEW", "canary-that-nobody-asked-for")
        deadline = time.monotonic() + PATIENCE
        told = ""
        while told != "[secret NEW]":
            assert time.monotonic() < deadline, told
            done = installation.run("run", "echo", "-i", "text=canary-that-nobody-asked-for", "--json", check=True)
            told = json.loads(done.stdout)["output"]
