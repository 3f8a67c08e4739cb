"""
A store of many finished runs: figures to report, never asserted (`make bench`).

    opening     from the call to a store that answers
    lists       a page of `runs list`, by workflow, counts
    retention   half of the runs deleted beside work: time of a commit with and without it, runs a second, the file after it

The rows are made by SQL, four journal rows a run. RUNNER_BENCH_RUNS says how many (by default 100,000; a million takes
some minutes).
"""

import os
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.clock import SystemClock
from runner.daemon.retention import Retention
from runner.events import Started, encode
from runner.ports import RunFilter
from runner.store.copies import copy
from runner.store.sqlite import SqliteStore, open_store
from tests.contracts.store.made import WORKFLOW, admission, append

pytestmark = pytest.mark.benchmark

RUNS = int(os.environ.get("RUNNER_BENCH_RUNS", "100000"))
SECONDS = 10.0
EVENTS = encode(tuple(Started(at=1_700_000_000.0, place=f"action-{number}", attempt=1) for number in range(4)))


def figure(name: str, **figures: str) -> None:
    """One line of the report."""
    print(f"\nretention {name}: " + ", ".join(f"{value} {key.replace('_', ' ')}" for key, value in figures.items()))  # noqa: T201  the report


def percentiles(seconds: list[float]) -> dict[str, str]:
    """The middle and the slow end, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    slow = {"ms_p99": f"{cuts[98] * 1e3:.2f}", "ms_most": f"{max(seconds) * 1e3:.2f}"}
    return {"commits": str(len(seconds)), "ms_p50": f"{cuts[49] * 1e3:.2f}", **slow}


def fill(path: Path, now: float) -> None:
    """Ended runs, the older half of them ten days ago."""
    with closing(sqlite3.connect(path)) as connection, connection:
        at = [now - (10 if number < RUNS // 2 else 1) * 86400 for number in range(RUNS)]
        states = ("succeeded", "succeeded", "succeeded", "failed")
        connection.executemany(
            "insert into runs (id, workflow, revision, state, accepted_at, started_at, ended_at, trigger)"
            " values (?, ?, ?, ?, ?, ?, ?, 'hand')",
            (
                (
                    f"run-{number:09}-{'x' * 12}",
                    f"w{number % 7}",
                    WORKFLOW.revision,
                    states[number % 4],
                    *[at[number]] * 3,
                )
                for number in range(RUNS)
            ),
        )
        connection.executemany(
            "insert into journal (run, seq, boot, at, events) values (?, ?, 1, ?, ?)",
            ((f"run-{number:09}-{'x' * 12}", seq, at[number], EVENTS) for number in range(RUNS) for seq in range(1, 5)),
        )


async def work(store: SqliteStore, name: str, commits: list[float], stop: anyio.Event) -> None:
    """One append after the other, each awaited."""
    await store.admit(admission(name, boot=store.boot))
    seq = 2
    while not stop.is_set():
        started = time.perf_counter()
        await store.append(append(name, seq, boot=store.boot, events=EVENTS))
        commits.append(time.perf_counter() - started)
        seq += 1


async def measure(store: SqliteStore, name: str, beside: Callable[[], Awaitable[Any]]) -> list[float]:
    """Times of commits of ten runs at work while `beside` goes on."""
    commits: list[float] = []
    stop = anyio.Event()
    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(work, store, f"zz-{name}-{number}", commits, stop)
        await beside()
        stop.set()
    return commits


async def test_many_finished_runs(tmp_path: Path) -> None:
    """From the opening to the size of the file."""
    path, clock = tmp_path / "runs.db", SystemClock()
    async with open_store(path) as store:
        await store.admit(admission("run-0", workflow="w0"))
    await anyio.to_thread.run_sync(fill, path, clock.wall())

    started = time.perf_counter()
    async with open_store(path) as store:
        await store.live()
        opened = time.perf_counter() - started
        figure(f"of {RUNS:,}: opening", ms=f"{opened * 1e3:.0f}", MB=f"{(await store.sizes()).file / 1e6:,.0f}")
        asked = {
            "list": lambda: store.find(RunFilter()),
            "list of a workflow": lambda: store.find(RunFilter(workflow="w3")),
            "counts": store.counts,
        }
        for name, ask in asked.items():
            started = time.perf_counter()
            await ask()
            figure(f"of {RUNS:,}: {name}", ms=f"{(time.perf_counter() - started) * 1e3:.2f}")

        figure("commits without", **percentiles(await measure(store, "a", lambda: anyio.sleep(SECONDS))))
        retention = Retention(store, clock, 5 * 86400.0)
        started = time.perf_counter()
        deleted: list[int] = []

        async def once() -> None:
            deleted.append(await retention.once())

        commits = await measure(store, "b", once)
        took = time.perf_counter() - started
        figure("commits beside it", **percentiles(commits))
        figure("pass", runs_deleted=f"{deleted[0]:,}", s=f"{took:.1f}", runs_a_second=f"{deleted[0] / took:,.0f}")
        while await store.shrink():
            pass
        after = await store.sizes()
    fresh = await anyio.to_thread.run_sync(copy, path, tmp_path / "fresh.db")
    figure(
        "file", MB_after=f"{after.file / 1e6:,.0f}", MB_fresh=f"{fresh / 1e6:,.0f}", times=f"{after.file / fresh:.2f}"
    )
