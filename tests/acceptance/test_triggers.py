"""Requests to a daemon that is killed: a 202 is a promise; equal requests are one run; slow clients hold nobody up."""

import json
import os
import socket
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection, HTTPException
from typing import Any

import pytest

from tests.acceptance.conftest import PATIENCE, Daemon, Installation

KILLS = int(os.environ.get("TRIGGER_KILLS", "8"))
SLOW_CLIENTS = int(os.environ.get("SLOW_CLIENTS", "500"))
CLIENTS = 8

WORK = """
inputs: {n: {type: integer}}
triggers: [{type: http, config: {path: /work, auth: none}, inputs: {n: $trigger.body.n}}]
actions:
  - {id: a, type: set, config: $input.n}
  - {id: b, type: set, config: "{{ $action.a + 1 }}"}
output: $action.b
"""

ONCE = """
triggers:
  - type: http
    config: {path: /once, auth: none, respond: result, deduplicate: $trigger.body.id}
actions: [{id: w, type: wait, config: {for: 1s}}]
output: $run.id
"""


def post(port: int, path: str, body: Any) -> tuple[int, Any]:
    """Status and document of a POST."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, json.loads(answer.read())


def states(installation: Installation, ends: Callable[[dict[str, str]], bool]) -> dict[str, str]:
    """The state of each run by its id, as the store has them once they are as asked for."""
    path = installation.folder / "data" / "runner-runs.db"
    deadline = time.monotonic() + PATIENCE
    while True:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            found = dict(database.execute("select id, state from runs").fetchall())
        if ends(found):
            return found
        assert time.monotonic() < deadline, found
        threading.Event().wait(0.05)


def hammer(daemon: Daemon, accepted: list[str]) -> list[threading.Thread]:
    """Clients that post until the daemon is gone; what got a 202 stands in `accepted`."""

    def client(port: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            while True:
                connection.request("POST", "/work", b'{"n": 1}', {"Content-Type": "application/json"})
                answer = connection.getresponse()
                document = json.loads(answer.read())
                if answer.status == 202:
                    accepted.append(document["run"])
        except (OSError, HTTPException, ValueError):
            connection.close()

    threads = [threading.Thread(target=client, args=(daemon.port,)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    return threads


def killed(installation: Installation, *, times: int, spread: int) -> tuple[list[str], dict[str, str]]:
    """
    Kill the daemon under load, each time right after another number of answers (up to `spread`), then let all runs end.

    The runs that were answered 202, and the state of every run by its id.
    """
    accepted: list[str] = []
    for number in range(times):
        with installation.daemon() as daemon:
            before = len(accepted)
            threads = hammer(daemon, accepted)
            while len(accepted) < before + 1 + number % spread:
                threads[0].join(0.001)
            daemon.process.kill()
            for thread in threads:
                thread.join()
    with installation.daemon():
        ended = states(installation, lambda runs: not {"queued", "running"} & set(runs.values()))
    return accepted, ended


def test_every_run_whose_202_arrived_ends(installation: Installation) -> None:
    """Killed under load right after an answer, again and again: none is lost, none stays."""
    # one that is alone in flight each time is no poison here
    installation.environ["RUNNERD_RUNS_MAX_RECOVERIES"] = "9999"
    installation.write("work.yaml", WORK)
    accepted, ended = killed(installation, times=KILLS, spread=7)

    assert len(accepted) >= KILLS
    assert {ended.get(run) for run in accepted} == {"succeeded"}


def test_equal_requests_are_one_run_across_a_kill(installation: Installation) -> None:
    """Fifty at once have one answer; killed meanwhile, the same request gets the same run's answer after the restart."""
    installation.write("once.yaml", ONCE)
    with installation.daemon() as daemon, ThreadPoolExecutor(50) as pool:
        port = daemon.port
        answers = list(pool.map(lambda _: post(port, "/once", {"id": 1}), range(50)))
        others = list(pool.map(lambda _: post(port, "/once", {"id": None}), range(3)))
        waiting = pool.submit(post, port, "/once", {"id": 2})
        states(installation, lambda runs: "running" in runs.values())
        daemon.process.kill()
        with pytest.raises(OSError):
            waiting.result()
    with installation.daemon() as daemon:
        again = post(daemon.port, "/once", {"id": 2})
        first = post(daemon.port, "/once", {"id": 1})
        runs = states(installation, bool)

    assert {document for _, document in answers} == {first[1]}
    assert len({document for _, document in others}) == 3
    assert again[0] == 200
    assert len(runs) == 1 + 3 + 1


def test_slow_clients_stop_nobody(installation: Installation) -> None:
    """
    Hundreds that connect and say nothing, a fifth in a body and a fifth in a head that never end, heads without measure
    among them: health and triggers answer everybody else meanwhile, and a head that is too large hears why.
    """
    installation.write("work.yaml", WORK)
    with installation.daemon() as daemon, ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port), PATIENCE))
            for _ in range(SLOW_CLIENTS)
        ]
        bodies, heads = idle[::5], idle[1::5]
        for each in bodies:
            each.sendall(b"POST /work HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n{")
        for each in heads:
            each.sendall(b"POST /work HTTP/1.1\r\n")
        with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}/readyz", timeout=10) as answer:
            assert answer.status == 200
        statuses, seconds = [], []
        for n in range(10):
            for slow, piece in ((bodies, b" "), (heads, b"X-More: 1\r\n")):
                for each in slow[:50]:
                    with suppress(OSError):  # one that was cut off for its slowness
                        each.sendall(piece)
            began = time.monotonic()
            statuses += [large_head(daemon.port), post(daemon.port, "/work", {"n": n})[0]]
            seconds.append(time.monotonic() - began)
        print(f"{SLOW_CLIENTS} slow clients: answers in {max(seconds) * 1000:.0f} ms at most")  # noqa: T201  shown with -s

    assert statuses == [431, 202] * 10


def large_head(port: int) -> int:
    """The status that a head of a megabyte gets."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        with suppress(OSError):  # hung up before all of it was sent
            client.sendall(b"POST /work HTTP/1.1\r\nHost: h\r\nX-Large: " + b"x" * 1_000_000)
        return int(client.recv(1000).split()[1])
