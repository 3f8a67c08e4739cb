"""
How fast the store writes and answers: figures to report, never asserted (`make bench`).

    appends     many runs append one row after the other, each awaiting its own: rows a second, time of a commit as an
                appender sees it, processor time of the event loop for each append
    admissions  runs that are accepted, run and end: runs a second
    claims      50 at a time from 10,000 queued runs
    lists       pages of a store with many ended runs

Each prints one line. Kept apart from the tests by its name: `pytest tests/benchmarks/store.py -s`.
"""

import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.events import RunState, Started, encode
from runner.ports import RunFilter
from runner.store.sqlite import SqliteStore, open_store
from tests.contracts.store.made import WORKFLOW, admission, append, ended

pytestmark = pytest.mark.benchmark

SECONDS = 3.0
EVENTS = encode(tuple(Started(at=1_700_000_000.0, place=f"action-{number}", attempt=1) for number in range(4)))


def figure(name: str, **figures: str) -> None:
    """One line of the report."""
    print(f"\nstore {name}: " + ", ".join(f"{value} {key.replace('_', ' ')}" for key, value in figures.items()))  # noqa: T201  the report


def percentiles(seconds: list[float]) -> dict[str, str]:
    """The middle and the slow end, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    return {
        "ms_p50": f"{cuts[49] * 1e3:.2f}",
        "ms_p99": f"{cuts[98] * 1e3:.2f}",
        "ms_most": f"{max(seconds) * 1e3:.2f}",
    }


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A new store on the disk that temporary files lie on."""
    async with open_store(tmp_path / "runs.db") as opened:
        yield opened


class TestAppends:
    @pytest.mark.parametrize("appenders", [1, 50, 1000])
    async def test_group_commit(self, store: SqliteStore, appenders: int) -> None:
        """As many runs at once, each waiting for its row before it appends the next."""
        commits: list[float] = []
        lags: list[float] = []
        end = time.perf_counter() + SECONDS

        async def run(name: str) -> None:
            await store.admit(admission(name))
            seq = 2
            while time.perf_counter() < end:
                started = time.perf_counter()
                await store.append(append(name, seq, events=EVENTS))
                commits.append(time.perf_counter() - started)
                seq += 1

        async def lag() -> None:
            while time.perf_counter() < end:
                started = time.perf_counter()
                await anyio.sleep(0.005)
                lags.append(time.perf_counter() - started - 0.005)

        loop_before = time.thread_time()
        async with anyio.create_task_group() as group:
            group.start_soon(lag)
            for number in range(appenders):
                group.start_soon(run, f"run-{number:05}")
        loop = time.thread_time() - loop_before

        figure(
            f"appends by {appenders}",
            rows_a_second=f"{len(commits) / SECONDS:,.0f}",
            us_of_the_loop_an_append=f"{loop / len(commits) * 1e6:.1f}",
            ms_loop_lag_p99=f"{statistics.quantiles(lags, n=100)[98] * 1e3:.2f}",
            **percentiles(commits),
        )

    async def test_handing_over(self, store: SqliteStore) -> None:
        """What `append` itself takes of the loop, without the wake-ups."""
        await store.admit(admission("run-1"))
        appends = [append("run-1", seq, events=EVENTS) for seq in range(2, 10_002)]

        before = time.thread_time()
        for each in appends:
            last = store.append(each)
        handed_over = time.thread_time() - before
        await last
        settled = time.thread_time() - before

        figure("hand over 10,000", us_an_append=f"{handed_over * 100:.2f}", us_with_settling=f"{settled * 100:.2f}")


class TestAdmissions:
    @pytest.mark.parametrize("key", [None, "each its own"])
    async def test_runs(self, store: SqliteStore, key: str | None) -> None:
        """Accepted, one row, ended: three waits a run, 50 at a time, without a limit or each under one of its own."""
        numbers = iter(range(10**6))
        end = time.perf_counter() + SECONDS
        runs = 0

        async def one_after_the_other() -> None:
            nonlocal runs
            for number in numbers:
                run = f"run-{number:07}"
                lane: dict[str, Any] = {} if key is None else {"limit": 1, "key": run}
                await store.admit(admission(run, **lane))
                await store.append(append(run, 2, events=EVENTS))
                await store.append(ended(run, 3))
                runs += 1
                if time.perf_counter() > end:
                    return

        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(one_after_the_other)

        figure(f"runs ({'no limit' if key is None else 'a lane each'})", runs_a_second=f"{runs / SECONDS:,.0f}")

    async def test_claims(self, store: SqliteStore) -> None:
        """A queue of 10,000 in 100 lanes, drained by 50."""
        async with anyio.create_task_group() as group:
            for number in range(10_000):
                asked = admission(f"run-{number:05}", start=False, limit=200, key=str(number % 100))
                group.start_soon(store.admit, asked)
        claims: list[float] = []
        claimed = 0
        while True:
            started = time.perf_counter()
            some = await store.claim(store.boot, 50)
            claims.append(time.perf_counter() - started)
            claimed += len(some)
            if not some:
                break

        figure("claims of 50", runs_claimed=str(claimed), **percentiles(claims))


class TestLists:
    async def test_pages(self, tmp_path: Path) -> None:
        """Newest first in a store of many ended runs: by cursor, by workflow, by state, counts, the last success."""
        path, many = tmp_path / "runs.db", 300_000
        async with open_store(path) as store:
            await store.admit(admission("run-0"))
        with closing(sqlite3.connect(path)) as connection, connection:
            states: tuple[RunState, ...] = ("succeeded", "succeeded", "succeeded", "failed")
            rows = (
                (f"run-{number:09}", f"w{number % 7}", WORKFLOW.revision, states[number % 4], 1.0, 1.0, 2.0, "hand")
                for number in range(many)
            )
            columns = "id, workflow, revision, state, accepted_at, started_at, ended_at, trigger"
            connection.executemany(f"insert into runs ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?)", rows)

        async with open_store(path) as store:
            asked: dict[str, Callable[[], Awaitable[Any]]] = {
                "all": lambda: store.find(RunFilter()),
                "cursor": lambda: store.find(RunFilter(before=f"run-{many // 2:09}")),
                "workflow": lambda: store.find(RunFilter(workflow="w3")),
                "state": lambda: store.find(RunFilter(states=("failed",))),
                "running": lambda: store.find(RunFilter(states=("running",))),
                "both": lambda: store.find(RunFilter(workflow="w3", states=("failed", "cancelled"))),
                "counts": store.counts,
                "last": lambda: store.last("w3"),
                "due": lambda: store.due(1.0, 10),
            }
            for name, ask in asked.items():
                times: list[float] = []
                for _ in range(20):
                    started = time.perf_counter()
                    await ask()
                    times.append(time.perf_counter() - started)
                figure(f"list of {many:,} ({name})", **percentiles(times))
