"""
How fast whole runs go: figures to report, never asserted (`make bench`).

    runs     durable one-http-action runs a second at 50 in flight, over requests a second of bare aiohttp against the
             same server in the same process (aim 0.5)
    no-op    processor time of an action that does nothing, in a run of 100 (aim 150 µs)
    start    from the process's start to ready with 200 workflow files (aim 1 s)
    memory   resident, idle and with 10,000 queued runs (aim 80 and 150 MB)
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import anyio
import psutil
import pytest

from runner.clock import SystemClock
from runner.daemon.catalogs import open_catalogs
from runner.daemon.root import Engine, known_types, open_confidential, open_engine, open_runs
from runner.daemon.secret_uses import SecretUses
from runner.engine.admission import Submission
from runner.settings import load

pytestmark = pytest.mark.benchmark

IN_FLIGHT = 50
REQUESTS = 5_000
RUNS = 4_000
QUEUED = 10_000


def figure(name: str, text: str) -> None:
    """One line of the report."""
    print(f"\nengine {name}: {text}")  # noqa: T201  the report is its output


@pytest.fixture
def peer() -> Iterator[str]:
    """The address of the fast server."""
    command = [sys.executable, "-m", "tests.benchmarks.peer"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/things/7"
        process.communicate("")


@pytest.fixture
def folder(tmp_path: Path, peer: str) -> Path:
    """A folder with workflows for the engine."""
    (tmp_path / "workflows").mkdir()
    noops = "\n".join(f"  - {{id: a{n}, type: set, config: {n}}}" for n in range(100))
    (tmp_path / "workflows" / "get.yaml").write_text(f"actions: [{{id: get, type: http, config: {{url: '{peer}'}}}}]\n")
    (tmp_path / "workflows" / "hold.yaml").write_text("actions: [{id: w, type: wait, config: {for: 4s}}]\n")
    (tmp_path / "workflows" / "noop.yaml").write_text(f"actions:\n{noops}\n")
    (tmp_path / "config.toml").write_text(
        '[dashboard]\nmaster_key = "a long passphrase for a benchmark"\n[log]\nlevel = "error"\n'
    )
    return tmp_path


@pytest.fixture
async def engine(folder: Path) -> AsyncIterator[Engine]:
    """The daemon's own pieces in this process, 50 runs at once."""
    loaded = load(
        folder / "config.toml",
        {},
        {"server.max_concurrent_runs": IN_FLIGHT, "server.workflows": str(folder / "workflows")},
    )
    settings, clock = loaded.settings, SystemClock()
    async with AsyncExitStack() as stack:
        confidential = await stack.enter_async_context(open_confidential(settings, {}, clock, level="error"))
        store = await stack.enter_async_context(open_runs(settings, clock))
        uses = SecretUses(known_types(), confidential, strict_hosts=False)
        catalogs = await stack.enter_async_context(open_catalogs(settings, known_types(), clock, uses))
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        tasks.start_soon(catalogs.watch)
        while catalogs.find("noop") is None:  # noqa: ASYNC110  a file counts once it stood still: nobody tells when
            await anyio.sleep(0.05)
        yield await stack.enter_async_context(
            open_engine(settings, clock, confidential=confidential, store=store, catalogs=catalogs)
        )


async def bare_requests(url: str) -> float:
    """Requests a second of aiohttp alone."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        numbers = iter(range(REQUESTS))

        async def client() -> None:
            for _ in numbers:
                async with session.get(url) as answer:
                    await answer.json()

        start = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for _ in range(IN_FLIGHT):
                tasks.start_soon(client)
        return REQUESTS / (time.perf_counter() - start)


async def durable_runs(engine: Engine, name: str, runs: int) -> float:
    """Runs a second, each submitted when one before it has ended."""
    numbers = iter(range(runs))

    async def caller() -> None:
        for _ in numbers:
            admitted = await engine.dispatcher.submit(Submission(workflow=name))
            row = await engine.dispatcher.wait(admitted.run)
            assert row.state == "succeeded", row.error

    start = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(IN_FLIGHT):
            tasks.start_soon(caller)
    return runs / (time.perf_counter() - start)


async def test_durable_runs_over_bare_requests(engine: Engine, peer: str) -> None:
    """Both in one process, one after the other, three times."""
    ratios = []
    for _ in range(3):
        bare = await bare_requests(peer)
        before = time.process_time()
        runs = await durable_runs(engine, "get", RUNS)
        cpu = (time.process_time() - before) / RUNS * 1e6
        ratios.append(runs / bare)
        figure(
            "runs", f"{runs:.0f} runs/s, {bare:.0f} bare requests/s, ratio {runs / bare:.2f}, {cpu:.0f} us of CPU a run"
        )
    figure("runs", f"median ratio {sorted(ratios)[1]:.2f} (aim 0.5)")


async def test_processor_time_of_an_action_that_does_nothing(engine: Engine) -> None:
    """A hundred `set` actions a run."""
    await durable_runs(engine, "noop", 20)
    before = time.process_time()
    await durable_runs(engine, "noop", 200)
    figure("no-op", f"{(time.process_time() - before) / (200 * 100) * 1e6:.0f} us of CPU an action (aim 150)")


def test_start_to_ready(tmp_path: Path) -> None:
    """The real command with 200 files of some twenty lines."""
    made = subprocess.run([_command("runner"), "init", str(tmp_path)], check=True, capture_output=True)
    assert made.returncode == 0
    for number in range(200):
        text = Path("workflows/fan-out.yaml").read_text().replace("name: fan-out", f"name: fan-out-{number}")
        (tmp_path / "workflows" / f"fan-out-{number}.yaml").write_text(text)
    seconds = [_seconds_to_ready(tmp_path) for _ in range(3)]
    figure("start", f"{', '.join(f'{each:.2f}' for each in seconds)} s to ready with 200 files (aim 1)")


def _seconds_to_ready(folder: Path) -> float:
    start = time.perf_counter()
    with _daemon(folder) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if re.search(r"\bready\b", line):
                seconds = time.perf_counter() - start
                process.terminate()
                process.communicate()
                return seconds
    raise AssertionError("the daemon did not get ready")


async def test_memory(engine: Engine, folder: Path) -> None:
    """Of a fresh daemon process, and of this one with 10,000 queued runs on top of what it had."""
    await anyio.run_process([_command("runner"), "init", str(folder / "idle")])
    with _daemon(folder / "idle") as process:
        assert process.stderr is not None
        next(line for line in process.stderr if re.search(r"\bready\b", line))
        idle = psutil.Process(process.pid).memory_info().rss / 1e6
        process.terminate()
        process.communicate()
    for _ in range(IN_FLIGHT):  # take every slot, so that what follows is queued
        await engine.dispatcher.submit(Submission(workflow="hold"))
    before = psutil.Process().memory_info().rss / 1e6
    for _ in range(QUEUED):
        await engine.dispatcher.submit(Submission(workflow="get"))
    added = psutil.Process().memory_info().rss / 1e6 - before
    figure("memory", f"idle daemon {idle:.0f} MB (aim 80); 10,000 queued runs add {added:.0f} MB (aim 150 in all)")


def _command(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _daemon(folder: Path) -> "subprocess.Popen[str]":
    environment = {**os.environ, "RUNNERD_SERVER_PORT": "18481", "RUNNERD_LOG_FORMAT": "json"}
    command = [_command("runner"), "start", "--config", str(folder / "config.toml")]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment)
