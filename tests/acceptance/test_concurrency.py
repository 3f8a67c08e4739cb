"""`concurrency` over HTTP and by `runner run`, and across a kill: one at a time for each key, a full queue, `skip`."""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import httpx
from aiohttp import web
from anyio.to_thread import run_sync

from tests.acceptance.conftest import Daemon, Installation
from tests.conftest import OpenServer

QUEUE = """
concurrency: {{limit: 1, key: $input.customer, max_queued: 2}}
inputs: {{customer: {{type: string}}}}
triggers: [{{type: http, config: {{method: POST, path: /queue, auth: none}}, inputs: {{customer: $trigger.body}}}}]
actions: [{{id: call, type: http, config: {{method: POST, url: "{url}/{{{{ $input.customer }}}}"}}}}]
"""
SKIP = """
concurrency: {{limit: 1, when_full: skip}}
triggers: [{{type: http, config: {{method: POST, path: /skip, auth: none}}}}]
actions: [{{id: call, type: http, config: {{method: POST, url: "{url}/single"}}}}]
"""


class Peer:
    """Lets nobody go until `opened`; `most` is how many of a path were there at once, by what this life of it saw."""

    def __init__(self) -> None:
        self.opened = anyio.Event()
        self.came = anyio.Event()
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.now[request.path] += 1
        self.most[request.path] = max(self.most[request.path], self.now[request.path])
        if self.now.keys() >= {"/a", "/b", "/single"}:
            self.came.set()
        now = self.now
        await self.opened.wait()
        now[request.path] -= 1
        return web.Response()

    @contextmanager
    def freed(self) -> Iterator[None]:
        """Whatever goes wrong in the block, nobody is kept after it."""
        try:
            yield
        except BaseException:
            self.opened.set()
            raise

    def forget(self) -> None:
        """Whoever waits is dead."""
        self.now, self.came = Counter(), anyio.Event()


def post(daemon: Daemon, path: str, body: str = "") -> httpx.Response:
    """What a trigger answers."""
    return httpx.post(f"http://127.0.0.1:{daemon.port}/{path}", json=body)


def fill(daemon: Daemon) -> list[str]:
    """One of each key is at work and two of the first wait; then that queue is full and the single one is skipped."""
    taken = [post(daemon, "queue", "a") for _ in range(3)] + [post(daemon, "queue", "b"), post(daemon, "skip")]
    assert [answer.status_code for answer in taken] == [202] * 5
    return [str(answer.json()["run"]) for answer in taken]


def is_full(installation: Installation, daemon: Daemon) -> None:
    """429 and the queue's name for who comes by HTTP, exit status 1 and the same words for who comes by hand."""
    full, skipped = post(daemon, "queue", "a"), post(daemon, "skip")
    assert (full.status_code, full.json()["reason"]) == (429, "full")
    assert skipped.json() == {"ignored": True, "reason": "skip"}
    for words in (("queue", "--input", "customer=a"), ("skip",)):
        by_hand = installation.run("run", *words)
        assert by_hand.returncode == 1
        assert (b"max_queued" if words[0] == "queue" else b"skip") in by_hand.stderr


async def test_limits_hold_across_a_kill(installation: Installation, http_server: OpenServer) -> None:
    """What was queued stays so, what was full stays full, never two of a key are at work; all end, oldest first."""
    peer = Peer()
    installation.settings(shutdown_timeout="1ms")
    url = (await http_server(peer.__call__)).origin
    installation.write("queue.yaml", QUEUE.format(url=url))
    installation.write("skip.yaml", SKIP.format(url=url))
    with peer.freed(), installation.daemon() as daemon:
        runs = await run_sync(fill, daemon)
        await peer.came.wait()
        await run_sync(is_full, installation, daemon)
        await run_sync(daemon.stop, signal.SIGKILL)
    peer.forget()
    with peer.freed(), installation.daemon() as daemon:
        await peer.came.wait()
        await run_sync(is_full, installation, daemon)
        peer.opened.set()
        await run_sync(lambda: daemon.wait_for("run succeeded", times=len(runs)))
        again = await run_sync(post, daemon, "skip")
        await run_sync(lambda: daemon.wait_for("run succeeded", times=len(runs) + 1))
        ended = [line["run"] for line in daemon.lines if line["event"] == "run succeeded"]

    assert again.status_code == 202
    assert "run" in again.json()
    assert [run for run in ended if run in runs[:3]] == runs[:3]
    assert peer.most == {"/a": 1, "/b": 1, "/single": 1}
