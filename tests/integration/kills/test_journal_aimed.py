"""
A scripted run with every kind of action and phase; the daemon dies after each single commit of its journal in turn.

    life n ──► one more run ──► SIGKILL after its n-th commit        … ──► a life in which nothing dies ends them all

`RUNNER_TEST_AIMED` says how many commits lie between two kills (6 where it is not set, 1 for every commit there is).
"""

import json
import os
import signal
from collections import Counter, defaultdict
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from aiohttp import ClientError, ClientSession, web
from anyio.to_thread import run_sync

from runner.events import Accepted, AnyEvent
from tests.acceptance.conftest import Daemon, Installation
from tests.conftest import OpenServer
from tests.integration.kills import journal_aimed
from tests.integration.kills.harness import TRY_ON, Counts, count, journals, let_end, live, until
from tests.integration.kills.test_kills import execute
from tests.services import processes

pytestmark = pytest.mark.timeout(600)

STRIDE = int(os.environ.get("RUNNER_TEST_AIMED", "6"))
MOST_COMMITS = 60

SCRIPT = """
triggers: [{{type: http, config: {{method: POST, path: /go, auth: none, respond: accepted}}}}]
actions:
  - {{id: first, type: http, config: {{method: POST, url: "{peer}/first"}}}}
  - {{id: plain, type: set, config: "{{{{ $action.first.status + 1 }}}}"}}
  - {{id: skipped, type: http, if: "$action.plain > 900", config: {{url: "{peer}/never"}}}}
  - {{id: look, type: sql, config: {{connection_string: "{database}", query: "select 1 as one"}}}}
  - id: each
    type: group
    for_each: [0, 1, 2, 3]
    concurrency: 2
    config:
      actions:
        - id: insert
          type: sql
          config:
            connection_string: "{database}"
            query: insert into kill_effects (run, item) values ($run.id, $index)
            exactly_once: true
        - {{id: note, type: set, config: $index}}
      output: $action.note
  - {{id: rest, type: wait, needs: [each], config: {{for: 5100ms}}}}
  - id: again
    type: http
    needs: [each]
    retry: {{max_attempts: 3, delay: 5100ms, backoff: constant}}
    config: {{method: POST, url: "{peer}/again"}}
  - {{id: call, type: workflow, needs: [rest, again, look], on_error: continue, config: {{name: child}}}}
  - {{id: tell, type: http, config: {{method: POST, url: "{peer}/tell", body: $run.callback.ask}}}}
  - {{id: ask, type: wait, timeout: 1h, config: {{callback: {{ok: {{type: boolean}}}}}}}}
  - {{id: last, type: http, config: {{method: POST, url: "{peer}/last"}}}}
finally: [{{id: tidy, type: http, config: {{method: POST, url: "{peer}/tidy"}}}}]
output: [$action.plain, $action.each, $action.ask.ok, $action.skipped]
"""
CHILD = """
actions:
  - {{id: well, type: http, config: {{method: POST, url: "{peer}/child-well"}}}}
  - {{id: broken, type: http, config: {{method: POST, url: "{peer}/child-broken"}}}}
on_failure: [{{id: mourn, type: http, config: {{method: POST, url: "{peer}/child-mourn"}}}}]
finally: [{{id: tidy, type: http, config: {{method: POST, url: "{peer}/child-tidy"}}}}]
"""
PATHS = {"/first", "/again", "/tell", "/last", "/tidy", "/child-well", "/child-broken", "/child-mourn", "/child-tidy"}


class Peer:
    """Keeps the keys by path; 503 to the first of a key at /again, 404 at /child-broken, answers what /tell asks."""

    def __init__(self) -> None:
        self.keys: defaultdict[str, set[str]] = defaultdict(set)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        key, known = request.headers["Idempotency-Key"], self.keys[request.path]
        is_first = key not in known
        known.add(key)
        if request.path == "/tell":
            await self._answer(await request.text())
        failing = {"/again": 503 if is_first else 200, "/child-broken": 404}
        return web.json_response({}, status=failing.get(request.path, 200))

    async def _answer(self, address: str) -> None:
        with suppress(ClientError):  # the daemon dies with this answer's commit: the next life asks again
            async with ClientSession() as session, session.post(address, json={"ok": True}) as answer:
                assert answer.status in {200, 409, 410}, await answer.text()


def lives(installation: Installation) -> tuple[list[str], int]:
    """A run for each kill; the runs that were accepted, in the last life whoever was not yet done, and the kills."""
    kills, environ = 0, {**TRY_ON, "RUNNERD_SERVER_PORT": str(processes.free_port())}
    for at in range(1, MOST_COMMITS, STRIDE):
        command = [journal_aimed.__file__, str(at)]
        with installation.spawn(command=command, environ=environ) as daemon:
            with suppress(httpx.TransportError):
                httpx.post(f"http://127.0.0.1:{daemon.port}/go", timeout=30)
            until(partial(died_or_done, installation, daemon))
            if daemon.process.poll() is None:
                break
            assert daemon.ended() == -signal.SIGKILL
        kills += 1
    with installation.daemon(environ=environ):
        let_end(installation)
    return [run for run, events in journals(installation).items() if not is_child(events)], kills


def died_or_done(installation: Installation, daemon: Daemon) -> bool:
    """Whether it died of its commit, or all its runs have ended: then there are fewer commits than it was told."""
    return daemon.process.poll() is not None or not live(installation)


def is_child(events: list[AnyEvent]) -> bool:
    """Whether another run called it."""
    first = events[0]
    return isinstance(first, Accepted) and first.parent is not None


async def test_killed_after_each_commit_of_a_run(tmp_path: Path, http_server: OpenServer) -> None:
    """Accepted runs lost, finished actions repeated, effects doubled or missing: none; each journal folds to its row."""
    installation, peer, counts = await run_sync(Installation, tmp_path), Peer(), Counts()
    origin, database = (await http_server(peer.__call__)).origin, f"sqlite:///{tmp_path}/data/files/aimed.db"
    await execute(database, tmp_path, "create table kill_effects (run varchar(60), item integer)")
    installation.write("script.yaml", SCRIPT.format(peer=origin, database=database))
    installation.write("child.yaml", CHILD.format(peer=origin))

    accepted, counts.kills = await run_sync(lives, installation)
    counts.accepted = len(accepted)
    rows = await execute(database, tmp_path, "select run, item from kill_effects")
    effects = Counter((str(row["run"]), int(str(row["item"]))) for row in rows)
    await run_sync(partial(count, installation, accepted, effects, counts))
    said = await installation.arun("doctor", "--deep", "--json")
    doctor = [json.loads(line) for line in said.stdout.splitlines()]
    print(f"\nkilled after each {STRIDE}. commit: {counts}")  # noqa: T201  the figures are wanted

    assert counts.wrong == 0, counts
    assert counts.kills >= 18 // STRIDE
    assert {path: len(keys) for path, keys in peer.keys.items()} == dict.fromkeys(PATHS, len(accepted))
    assert len(journals(installation)) == 2 * len(accepted)
    (found,) = [each for each in doctor if each["name"] == "journals"]
    assert found["what"] == f"{2 * len(accepted)} runs are what their journals say"
