"""
How many requests port 8080 takes: figures to report, never asserted (`make bench`).

    bare        requests a second of the same server with an application that answers 202 and does nothing
    accepted    `respond: accepted`: each run on disk before its 202, and every one of them ended (aim 0.3 of bare)
    result      `respond: result`: each answer is the end of a run (aim: p99 at most 5 times the median)
    kills       SIGKILL right after an answer, 500 times: every run whose 202 arrived ends

200 connections, from a process of its own: `wrk` where it is installed. `TRIGGER_SECONDS` (10) is how long each load goes on,
`TRIGGER_KILLS` (100) how often the daemon is killed.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.acceptance.conftest import Installation
from tests.acceptance.test_triggers import WORK, killed, states

pytestmark = pytest.mark.benchmark

SECONDS = int(os.environ.get("TRIGGER_SECONDS", "10"))
KILLS = int(os.environ.get("TRIGGER_KILLS", "100"))
CONNECTIONS = 200

POST = """
wrk.method = "POST"
wrk.body = '{"n": 1}'
wrk.headers["Content-Type"] = "application/json"
statuses = {}
function response(status) statuses[status] = (statuses[status] or 0) + 1 end
threads = {}
function setup(thread) table.insert(threads, thread) end
function done(summary, latency, requests)
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do print("status", status, count) end
  end
end
"""

BARE = """
import anyio
from runner.web.asgi import listen_tcp, serve
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"36")]
BODY = b'{"run":"01234567890123456789012345"}'
async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 202, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
async def main():
    with listen_tcp("127.0.0.1", 0, "port") as listener:
        async with serve(app, listener):
            print(listener.getsockname()[1], flush=True)
            await anyio.sleep_forever()
anyio.run(main, backend_options={"use_uvloop": True})
"""


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """A fresh installation."""
    return Installation(tmp_path, fresh=True)


def figure(name: str, text: str) -> None:
    """One line of the report."""
    print(f"\ntriggers {name}: {text}")  # noqa: T201  the report is its output


class Load:
    """What wrk has seen. Times in milliseconds."""

    def __init__(self, text: str) -> None:
        self.rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", text)[0])
        self.median, self.p99 = (_milliseconds(re.findall(rf"{at}%\s+([\d.]+)(us|ms|s)", text)[0]) for at in (50, 99))
        self.statuses = {int(status): int(count) for status, count in re.findall(r"status\s+(\d+)\s+(\d+)", text)}

    def __str__(self) -> str:
        return f"{self.rate:.0f}/s, p50 {self.median:.1f} ms, p99 {self.p99:.1f} ms, {self.statuses}"


def _milliseconds(found: tuple[str, str]) -> float:
    return float(found[0]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[1]]


def load(port: int, path: str, folder: Path) -> Load:
    """200 connections for a while."""
    wrk = shutil.which("wrk")
    assert wrk is not None, "wrk is not installed: apt-get install wrk"
    (folder / "post.lua").write_text(POST)
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", str(folder / "post.lua")]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True, timeout=SECONDS + 60
    )
    return Load(done.stdout)


@contextmanager
def bare() -> Iterator[int]:
    """The server alone, in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.terminate()


@pytest.mark.parametrize("respond", ["accepted", "result"])
def test_requests_a_second(installation: Installation, respond: str) -> None:
    """Beside the bare server; what is not ended when the load is over is waited for and counted."""
    installation.write("work.yaml", WORK.replace("auth: none", f"auth: none, respond: {respond}"))
    with bare() as port:
        alone = load(port, "/work", installation.folder)
    with installation.daemon() as daemon:
        process = psutil.Process(daemon.process.pid)
        load(daemon.port, "/work", installation.folder)
        before = process.memory_info().rss / 1e6
        seen = load(daemon.port, "/work", installation.folder)
        after = process.memory_info().rss / 1e6
        start = time.perf_counter()
        ended = states(installation, lambda runs: not {"queued", "running"} & set(runs.values()))
        waited = time.perf_counter() - start
    not_good = sum(state != "succeeded" for state in ended.values())
    taken = sum(count for status, count in seen.statuses.items() if status in {200, 202}) / SECONDS
    carried_out = len(ended) / (2 * SECONDS + waited)
    figure(respond, f"{seen}; bare {alone}; p99/p50 {seen.p99 / seen.median:.1f}")
    figure(
        respond, f"ratio of all answers {seen.rate / alone.rate:.2f}, of those that took a run {taken / alone.rate:.2f}"
    )
    figure(respond, f"carried out {carried_out:.0f}/s, ratio {carried_out / alone.rate:.2f}")
    figure(
        respond,
        f"{len(ended)} runs, {not_good} not succeeded, the last {waited:.1f} s after; {before:.0f} → {after:.0f} MB",
    )


def test_a_202_survives_every_kill(installation: Installation) -> None:
    """Under the load of eight clients, each time right after another number of answers."""
    installation.write("work.yaml", WORK)
    accepted, ended = killed(installation, times=KILLS, spread=40)
    path = installation.folder / "data" / "runner-runs.db"
    with closing(sqlite3.connect(path)) as database:
        errors = Counter(error for (error,) in database.execute("select error from runs where state = 'failed'"))
    became = Counter(ended.get(run, "lost") for run in accepted)
    figure("kills", f"{KILLS} kills, {len(accepted)} runs accepted, which became {dict(became)}; {dict(errors)}")
