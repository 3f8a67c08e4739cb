"""
A daemon under everything at once for a while: what grows, reported and never asserted (`make bench`).

    requests ──► http ──► group, for_each of an insert `exactly_once` ──► http     schedules, `run` triggers, results
    waits, child runs, cancels, reruns          files changed, broken, removed; secrets replaced; runs deleted as they age

RUNNER_TEST_SOAK says how many minutes (by default 2; the promise is about 30: memory at the end within 10 % of minute 5).
A secret that is replaced stays masked to the end of the process and takes some 0.15 MB of it: at one replacement of two
secrets each 20 seconds that is most of what is seen to grow.

Every 30 seconds one line of figures: resident memory, threads, tasks of the event loop, open files, sockets,
connections of the database, the files of the store, and what was done so far. Memory, tasks, threads and files of
minute 5, of the end, and of half a minute without any load stand side by side in the last line.
"""

import json
import os
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import anyio
import asyncpg
import httpx
import psutil
import pytest
from aiohttp import web
from anyio.to_thread import run_sync
from prometheus_client.parser import text_string_to_metric_families

from runner.client import control_sockets
from tests.acceptance.conftest import Daemon, Installation
from tests.services.databases import postgres_execute
from tests.services.http_server import serve

MINUTES = float(os.environ.get("RUNNER_TEST_SOAK", "2"))
EVERY = 30.0
PATIENCE = 60.0

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(MINUTES * 60 + 600)]

WORK = """
# version {version}
triggers:
  - {{type: http, config: {{method: POST, path: /work, auth: none, respond: accepted}}}}
actions:
  - {{id: first, type: http, config: {{url: "{peer}/first", headers: {{Authorization: Bearer $secret.SOAK_TOKEN}}}}}}
  - id: each
    type: group
    for_each: [0, 1, 2, 3]
    config:
      actions:
        - id: insert
          type: sql
          config:
            connection_string: $secret.SOAK_DATABASE
            query: insert into soak_effects (run, item) values ($run.id, $index)
            exactly_once: true
  - {{id: last, type: http, retry: {{max_attempts: 2, delay: 100ms}}, config: {{url: "{peer}/last"}}}}
"""
ASKED = """
triggers:
  - {{type: http, config: {{method: POST, path: /asked, auth: none, respond: result}}}}
actions: [{{id: get, type: http, config: {{method: POST, url: "{peer}/first", body: $trigger.body}}}}]
output: $action.get.body
"""
WAITS = """
triggers: [{type: http, config: {method: POST, path: /waits, auth: none}}]
actions:
  - {id: rest, type: wait, config: {for: 20s}}
  - {id: child, type: workflow, config: {name: child}}
finally: [{id: tidy, type: set, config: 1}]
"""
CHILD = (
    "actions: [{id: rest, type: wait, config: {for: 2s}}, {id: end, type: set, config: done}]\noutput: $action.end\n"
)
TICK = """
triggers: [{type: schedule, config: {every: 1s}}]
actions: [{id: a, type: set, config: $trigger.scheduled_at}]
"""
TELL = """
triggers: [{type: run, config: {workflow: work, state: failed}}]
actions: [{id: a, type: set, config: "$trigger.run.workflow: $trigger.run.error"}]
"""


class Held(NamedTuple):
    """What the process holds: resident memory in MB, tasks of its event loop, threads, open files."""

    memory: float
    tasks: int
    threads: int
    files: int

    def __str__(self) -> str:
        return f"{self.memory:.1f} MB, {self.tasks} tasks, {self.threads} threads, {self.files} files"


class Soak:
    """The loads, each of them one method that is done again and again, and the tally of what they did."""

    def __init__(self, installation: Installation, daemon: Daemon, database: str, peer: str) -> None:
        self.installation = installation
        self.process = psutil.Process(daemon.process.pid)
        self.database = database
        self.peer = peer
        self.done: Counter[str] = Counter()
        self.chance = random.Random(8)
        self.origin = f"http://127.0.0.1:{daemon.port}"
        socket = control_sockets(installation.folder / "data" / "runner.db", installation.environ)[0]
        self.http = httpx.AsyncClient(trust_env=False, timeout=PATIENCE)
        made = installation.run("tokens", "create", "soak", "--scope", "read", "--json", check=True)
        self.metrics = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{daemon.wait_for('ready')['dashboard_port']}",
            headers={"authorization": f"Bearer {json.loads(made.stdout)['token']}"},
            trust_env=False,
            timeout=PATIENCE,
        )
        self.control = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(socket)), base_url="http://runner", timeout=PATIENCE
        )

    def loads(self) -> Sequence[tuple[float, Callable[[], Awaitable[None]]]]:
        """How many seconds lie between two of each."""
        return (
            (0.25, partial(self.post, "work")),
            (0.5, partial(self.post, "asked")),
            (1.0, partial(self.post, "waits")),
            (3.0, partial(self.change_runs, "running", "waits", "cancel")),
            (4.0, partial(self.change_runs, "failed", "work", "rerun")),
            (5.0, self.change_file),
            (20.0, self.replace_secret),
        )

    async def post(self, path: str) -> None:
        """Ask for a run."""
        answer = await self.http.post(f"{self.origin}/{path}", json={"n": self.done.total(), "text": "x" * 500})
        self.done[f"{path} {answer.status_code}"] += 1

    async def change_runs(self, state: str, workflow: str, what: str) -> None:
        """Cancel or rerun some of a workflow's runs."""
        listed = await self.control.get("/runs", params={"workflow": workflow, "state": state, "limit": 20})
        for line in self.chance.sample(listed.text.splitlines(), k=min(2, len(listed.text.splitlines()))):
            run = str(httpx.Response(200, text=line).json()["run"])
            answer = await self.control.post(f"/runs/{run}/{what}", params={"by": "soak"})
            self.done[f"{what} {answer.status_code}"] += 1

    async def change_file(self) -> None:
        """A file with another comment, one that is broken, one that comes and goes."""
        self.done["files"] += 1
        version = self.done["files"]
        text = WORK.format(version=version, peer=self.peer)
        self.installation.write("work.yaml", text if version % 3 else text.replace("type: group", "type: gruop"))
        if version % 2:
            self.installation.write("guest.yaml", "actions: [{id: a, type: set, config: 1}]\n")
        else:
            (self.installation.folder / "workflows" / "guest.yaml").unlink(missing_ok=True)

    async def replace_secret(self) -> None:
        """The token is another one, and so are the connections to the database."""
        self.done["secrets"] += 1
        number = self.done["secrets"]
        await run_sync(self.installation.set_secret, "SOAK_TOKEN", f"canary-token-of-the-soak-{number}")
        address = f"{self.database}?application_name=soak{number % 2}"
        await run_sync(self.installation.set_secret, "SOAK_DATABASE", address)

    async def tasks(self) -> int:
        """How many tasks the daemon's event loop has."""
        text = (await self.metrics.get("/metrics")).raise_for_status().text
        (family,) = [each for each in text_string_to_metric_families(text) if each.name == "runner_tasks"]
        return int(family.samples[0].value)

    async def figures(self, seconds: float) -> Held:
        """One line."""
        connection = await asyncpg.connect(self.database)
        try:
            clients = await connection.fetchval(
                "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()
        tasks = await self.tasks()
        with self.process.oneshot():
            held = Held(self.process.memory_info().rss / 1e6, tasks, self.process.num_threads(), self.process.num_fds())
            sockets = Counter(each.status for each in self.process.net_connections("inet"))
            processor = sum(self.process.cpu_times()[:2])
        sizes = {
            path.name: f"{path.stat().st_size / 1e6:.1f}" for path in (self.installation.folder / "data").glob("*.db*")
        }
        print(  # noqa: T201  the report is its output
            f"\nsoak {seconds / 60:.1f} min: {held}, sockets {dict(sockets)}, {clients} database connections, "
            f"{processor:.0f} s of processor, MB {sizes}, runs {states(self.installation)}, {dict(self.done)}",
            flush=True,
        )
        return held


def states(installation: Installation) -> dict[str, int]:
    """How many runs there are in each state, those that retention left."""
    path = installation.folder / "data" / "runner-runs.db"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return dict(connection.execute("select state, count(*) from runs group by state").fetchall())


async def again_and_again(period: float, do: Callable[[], Awaitable[None]]) -> None:
    """Until it is cancelled."""
    while True:
        await do()
        await anyio.sleep(period)


@asynccontextmanager
async def soaking(folder: Path, database: str, peer: str) -> AsyncIterator[Soak]:
    """An installation with all workflows, its daemon, nothing under way yet."""
    installation = await run_sync(Installation, folder)
    postgres_statement = "create table if not exists soak_effects (run text, item integer)"
    await run_sync(postgres_execute, database, postgres_statement)
    for name, text in (("waits", WAITS), ("child", CHILD), ("tick", TICK), ("tell", TELL)):
        installation.write(f"{name}.yaml", text)
    installation.write("work.yaml", WORK.format(version=0, peer=peer))
    installation.write("asked.yaml", ASKED.format(peer=peer))
    installation.set_secret("SOAK_TOKEN", "canary-token-of-the-soak")
    installation.set_secret("SOAK_DATABASE", database)
    with installation.daemon("--dashboard", environ={"RUNNERD_RUNS_RETENTION": "3m"}) as daemon:
        soak = Soak(installation, daemon, database, peer)
        async with soak.http, soak.control, soak.metrics:
            yield soak


async def test_soak(tmp_path: Path, postgres_url: str) -> None:
    """Figures each half minute; then nothing new comes, and what is open a while after."""
    chance = random.Random(9)

    async def answers(request: web.Request) -> web.StreamResponse:
        await anyio.sleep(0.05)
        fails = request.path == "/last" and chance.random() < 0.2
        return web.json_response({"ok": True, "text": "x" * 300}, status=500 if fails else 200)

    async with serve(answers) as peer, soaking(tmp_path, postgres_url, peer.origin) as soak:
        seen: dict[float, Held] = {}
        async with anyio.create_task_group() as group:
            for period, do in soak.loads():
                group.start_soon(again_and_again, period, do)
            for number in range(1, int(MINUTES * 60 / EVERY) + 1):
                await anyio.sleep(EVERY)
                peer.requests.clear()
                seen[number * EVERY] = await soak.figures(number * EVERY)
            group.cancel_scope.cancel()
        await anyio.sleep(EVERY)
        rest = await soak.figures(MINUTES * 60 + EVERY)
        start = seen.get(300.0) or next(iter(seen.values()))
        end = list(seen.values())[-1]
        growth = f"memory {end.memory / start.memory - 1:+.1%}, tasks {end.tasks - start.tasks:+d}"
        print(f"\nsoak: at minute 5 (or the first) {start}; at the end {end} ({growth}); without load {rest}")  # noqa: T201  the report
