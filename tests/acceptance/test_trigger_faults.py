"""What a trigger does when the disk is full, and what becomes of the secrets that its request brings."""

import json
import resource
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import anyio
import pytest

from tests.acceptance.conftest import Daemon, Installation
from tests.acceptance.test_triggers import states
from tests.conftest import OpenServer
from tests.services.http_server import answer

KEEP = """
triggers: [{type: http, config: {path: /keep, auth: none}}]
actions: [{id: a, type: set, config: $trigger.body}]
"""

TOKEN = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
PASSWORD = "correct-horse-battery-7391"
KEY = "k-55e1f0a9c7d2-live"

FORWARD = """
triggers: [{type: http, config: {path: /forward, auth: none}}]
actions:
  - {id: rest, type: wait, config: {for: 2s}}
  - id: pass-on
    type: http
    config:
      method: POST
      url: ADDRESS
      headers: {X-Api-Key: "{{ $trigger.headers['x-api-key'] }}"}
      body: {password: $trigger.body.password, note: $trigger.body.note}
output: {said: $trigger.body.note, password: $trigger.body.password}
"""


class Answered(NamedTuple):
    """What a caller got; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    document: Any


def asked(port: int, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answered:
    """A GET, or a POST where there is a body; whatever its status."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json", **(headers or {})}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Answered(answer.status, dict(answer.headers), json.loads(answer.read()))
    except urllib.error.HTTPError as error:
        return Answered(error.code, dict(error.headers), json.loads(error.read()))


@contextmanager
def full_disk(installation: Installation, daemon: Daemon) -> Iterator[None]:
    """The kernel lets the store's log grow by not one byte, inside the block."""
    log = installation.folder / "data" / "runner-runs.db-wal"
    soft, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    try:
        yield
    finally:
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="prlimit is Linux")
def test_a_full_disk_is_503_until_it_takes_writes_again(installation: Installation) -> None:
    """A problem document with Retry-After and `/readyz` 503 meanwhile; after it all goes on, and no 202 is lost."""
    installation.write("keep.yaml", KEEP)
    with installation.daemon() as daemon:
        accepted = [asked(daemon.port, "/keep", {"text": "before"}).document["run"] for _ in range(5)]
        states(installation, lambda runs: set(runs.values()) == {"succeeded"})
        with full_disk(installation, daemon):
            full = asked(daemon.port, "/keep", {"text": "full"})
            unready = asked(daemon.port, "/readyz")
            again = asked(daemon.port, "/keep", {})
        daemon.wait_for("the store can write again")
        ready = asked(daemon.port, "/readyz")
        accepted.append(asked(daemon.port, "/keep", {"text": "after"}).document["run"])
        runs = states(installation, lambda runs: set(runs.values()) == {"succeeded"})

    for refused in (full, again):
        assert refused.status == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert int(refused.headers["retry-after"]) > 0
        assert refused.document["reason"] == "degraded"
    assert (unready.status, ready.status) == (503, 200)
    assert "disk" in " ".join(unready.document["reasons"])
    assert set(accepted) == set(runs), "what was refused has left nothing"


class Kept(NamedTuple):
    """What was written of a request, before and after a kill."""

    first: bytes
    leaks: list[str]
    shown: str


def killed_and_resumed(installation: Installation, body: Any) -> Kept:
    """A run that rests is killed; the next daemon brings it to its end. The leaks are those of both lives."""
    with installation.daemon() as daemon:
        run = asked(daemon.port, "/forward", body, {"X-Api-Key": KEY}).document["run"]
        daemon.process.kill()
    with closing(sqlite3.connect(installation.folder / "data" / "runner-runs.db")) as database:
        (first,) = database.execute("select events from journal where seq = 1").fetchone()
    leaks = [place for secret in (TOKEN, PASSWORD, KEY) for place in installation.leaks(secret)]
    with installation.daemon():
        states(installation, lambda runs: set(runs.values()) == {"succeeded"})
        shown = installation.run("runs", "show", run, "--json", check=True).stdout.decode()
    leaks += [place for secret in (TOKEN, PASSWORD, KEY) for place in installation.leaks(secret)]
    return Kept(first, leaks, shown)


async def test_secrets_of_a_request_are_sealed_and_outlive_a_kill(
    installation: Installation, http_server: OpenServer
) -> None:
    """A header and a key that are secret by name, a token by its looks: sent on as they came, written nowhere."""
    server = await http_server(answer({}))
    installation.write("forward.yaml", FORWARD.replace("ADDRESS", server.url("/hook")))
    body = {"password": PASSWORD, "note": f"token {TOKEN} of the robot"}

    kept = await anyio.to_thread.run_sync(killed_and_resumed, installation, body)

    assert b'"sealed"' in kept.first
    assert [json.loads(request.body) for request in server.requests] == [body]
    assert server.requests[0].headers["x-api-key"] == KEY
    assert kept.leaks == []
    assert "[secret trigger]" in kept.shown
