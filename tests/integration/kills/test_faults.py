"""
What the daemon stands on fails for a while: the HTTP peer, PostgreSQL, the disk. Every run that was accepted ends well.

    refused ─► reset ─► no answer ─► PostgreSQL killed, down, back ─► disk full, and the daemon killed in that state

One daemon, ten runs or twenty a fault; then the same counts as after kills, and the peer knows no more keys than there are runs.
"""

import resource
import signal
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import psutil
import pytest
from aiohttp import web
from anyio.from_thread import BlockingPortal, start_blocking_portal

from runner.events import Finished
from tests.acceptance.conftest import Daemon, Installation
from tests.integration.kills.harness import Counts, count, journals, let_end, until
from tests.integration.kills.test_kills import execute
from tests.services import postgres, processes

RUNS = 10
RETRY = "retry: {max_attempts: 1000, delay: 50ms, backoff: constant}"
FLOW = """
triggers: [{{type: http, config: {{method: POST, path: /go, auth: none}}}}]
actions:
  - {{id: first, type: http, timeout: 400ms, {retry}, config: {{method: POST, url: "{peer}/first"}}}}
  - id: each
    type: group
    for_each: [0, 1, 2, 3]
    config:
      actions:
        - id: insert
          type: sql
          {retry}
          config:
            connection_string: "{database}"
            query: insert into kill_effects (run, item) values ($run.id, $index)
            exactly_once: true
  - {{id: last, type: http, timeout: 400ms, {retry}, config: {{method: POST, url: "{peer}/last"}}}}
"""


class Peer:
    """Answers, resets or says nothing, as `mode` has it; knows which requests it answered by their keys."""

    def __init__(self) -> None:
        self.mode = "well"
        self.keys: defaultdict[str, set[str]] = defaultdict(set)
        self._seen: Counter[str] = Counter()
        self._often = defaultdict[str, anyio.Event](anyio.Event)
        self._released = anyio.Event()
        self._over = anyio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        self._seen[self.mode] += 1
        if self._seen[self.mode] == RUNS:
            self._often[self.mode].set()
        if self.mode == "held":
            await self._released.wait()
        elif self.mode == "silent":
            await self._over.wait()
        elif self.mode == "reset":
            assert request.transport is not None
            request.transport.abort()
        self.keys[request.path].add(request.headers["Idempotency-Key"])
        return web.json_response({})

    async def release(self) -> None:
        """Answer those that are held, and all that come."""
        self.mode = "well"
        self._released.set()

    async def over(self) -> None:
        """Nobody waits any more."""
        self._over.set()

    async def does(self, mode: str) -> None:
        """From now on it does that; come back when it did so often enough."""
        self.mode = mode
        await self._often[mode].wait()


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """A fresh installation."""
    return Installation(tmp_path)


def submit(daemon: Daemon) -> list[str]:
    """Ten more runs."""
    answers = [httpx.post(f"http://127.0.0.1:{daemon.port}/go") for _ in range(RUNS)]
    return [str(answer.raise_for_status().json()["run"]) for answer in answers]


def failed_at(installation: Installation, place: str) -> Callable[[], bool]:
    """Whether an attempt there has failed, as the journal has it."""
    return lambda: any(
        isinstance(event, Finished) and event.outcome == "failed" and event.place.endswith(place)
        for events in journals(installation).values()
        for event in events
    )


def kill(server: "subprocess.Popen[bytes]") -> None:
    """All of its processes, at once."""
    parent = psutil.Process(server.pid)
    every = [parent, *parent.children(recursive=True)]
    for process in every:
        process.kill()
    server.wait()
    psutil.wait_procs(every[1:])


@contextmanager
def listening(portal: BlockingPortal, peer: Peer, port: int) -> Iterator[None]:
    """The peer is there within the block."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", peer.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)

    async def start() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()

    portal.call(start)
    try:
        yield
    finally:
        portal.call(peer.over)
        portal.call(runner.cleanup)


def without_disk(installation: Installation, daemon: Daemon) -> list[str]:
    """The daemon may write no byte any more, tells so, and is killed while outcomes wait in its memory."""
    accepted = submit(daemon)
    origin = f"http://127.0.0.1:{daemon.port}"
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    until(lambda: httpx.get(f"{origin}/readyz").status_code == 503)
    assert httpx.post(f"{origin}/go").status_code == 503
    daemon.stop(signal.SIGKILL)
    return accepted


def faults(installation: Installation, portal: BlockingPortal, peer: Peer, folder: Path) -> tuple[list[str], list[Any]]:
    """The accepted runs, and what stands in the database once all is over."""
    port, database_port, accepted = processes.free_port(), processes.free_port(), list[str]()
    synchronous = "synchronous_commit=on"
    with ExitStack() as stack:
        home = stack.enter_context(postgres.cluster())
        server, address = stack.enter_context(postgres.serving(home, database_port, synchronous))
        portal.call(execute, address, folder, "create table kill_effects (run varchar(60), item integer)")
        flow = FLOW.format(peer=f"http://127.0.0.1:{port}", database=address, retry=RETRY)
        installation.write("flow.yaml", flow)
        daemon = stack.enter_context(installation.daemon())

        accepted += submit(daemon)
        until(failed_at(installation, "first"))
        peer.mode = "reset"
        stack.enter_context(listening(portal, peer, port))
        for mode in ("reset", "silent", "well"):
            portal.call(peer.does, mode)

        peer.mode = "held"
        accepted += submit(daemon)
        portal.call(peer.release)
        kill(server)
        accepted += submit(daemon)
        until(failed_at(installation, "insert"))
        stack.enter_context(postgres.serving(home, database_port, synchronous))
        let_end(installation)

        accepted += without_disk(installation, daemon)
        with installation.daemon():
            let_end(installation)
        return accepted, portal.call(execute, address, folder, "select run, item from kill_effects")


def test_what_it_stands_on_fails_for_a_while(tmp_path: Path, installation: Installation) -> None:
    """Runs lost, actions repeated, inserts doubled or missing: none, and one key a request at the peer."""
    peer, counts = Peer(), Counts()
    with start_blocking_portal() as portal:
        accepted, rows = faults(installation, portal, peer, tmp_path)
    count(installation, accepted, Counter((row["run"], row["item"]) for row in rows), counts)

    assert len(accepted) == 4 * RUNS
    assert counts.wrong == 0, counts
    assert {path: len(keys) for path, keys in peer.keys.items()} == {"/first": 4 * RUNS, "/last": 4 * RUNS}
