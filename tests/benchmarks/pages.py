"""
How fast pages come with many runs in the store: figures to report, never asserted (`make bench`).

    quiet      each kind of page, PAGES_ROUNDS times (50), one after the other (aim: p95 at most 50 ms)
    working    the same while PAGES_RATE (200) runs a second are started (aim: at most 300 ms)
    live       the same while ten browsers look at the list of runs
    items      the page of a run of 10,000 items

A real daemon with PAGES_RUNS (100,000) ended runs, copies of real ones. Times are those of a client on this machine.
"""

import os
import socket
import sqlite3
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.acceptance.browser.conftest import Site, fill, kinds_of_pages, open_chrome, opened_site

pytestmark = pytest.mark.benchmark

RUNS = int(os.environ.get("PAGES_RUNS", "100000"))
ROUNDS = int(os.environ.get("PAGES_ROUNDS", "50"))
RATE = int(os.environ.get("PAGES_RATE", "200"))
ITEMS = 10_000
BROWSERS = 10


def figure(name: str, times: Sequence[float]) -> None:
    """One line of the report: median, p95 and the slowest, in milliseconds."""
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"\npages {name}: {statistics.median(times) * 1e3:.1f} ms, p95 {p95 * 1e3:.1f}, most {max(times) * 1e3:.1f}")  # noqa: T201  the report


def multiply(database: Path) -> None:
    """Copies of the ended runs, until there are as many as asked for."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("pragma foreign_keys=off")
        names = [row[1] for row in connection.execute("pragma table_info(runs)") if row[1] not in {"id", "dedupe"}]
        columns = ", ".join(names)
        ended = [
            run
            for (run,) in connection.execute(
                "select id from runs where ended_at is not null and parent is null"
                " and (select sum(length(events)) from journal where run = runs.id) < 20000"
            )
        ]
        copies = [(ended[number % len(ended)], f"00{number:09}{'x' * 15}") for number in range(RUNS - len(ended))]
        connection.executemany(
            f"insert into runs (id, {columns}) select ?2, {columns} from runs where id = ?1",
            copies,
        )
        connection.executemany(
            "insert into journal (run, seq, boot, at, events) select ?2, seq, boot, at, events from journal where run = ?1",
            copies,
        )
        connection.executemany(
            "insert into blobs (run, number, part, data) select ?2, number, part, data from blobs where run = ?1",
            copies,
        )


@contextmanager
def visitor(site: Site) -> Iterator[httpx.Client]:
    """Somebody who signed in, without a browser."""
    assert site.state is not None
    cookies = {cookie["name"]: cookie["value"] for cookie in site.state.get("cookies", [])}
    with httpx.Client(base_url=site.origin, cookies=cookies, timeout=60, trust_env=False) as client:
        yield client


def measure(site: Site, paths: dict[str, str], how: str) -> None:
    """A line for each kind of page."""
    with visitor(site) as client:
        for kind, path in paths.items():
            times = []
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                answer = client.get(path)
                times.append(time.perf_counter() - begun)
                assert answer.status_code == 200, (path, answer.text[:300])
            figure(f"{how} {kind} ({len(answer.content) / 1e3:.0f} kB)", times)


@contextmanager
def working(site: Site) -> Iterator[None]:
    """So many runs a second are started within the block."""
    over = threading.Event()
    started = [0]

    def start() -> None:
        with httpx.Client(base_url=site.origin, headers=site.api.headers, timeout=60, trust_env=False) as client:
            begun = time.perf_counter()
            while not over.is_set():
                client.post("/api/v1/workflows/nested/runs", json={}).raise_for_status()
                started[0] += 1
                over.wait(max(0.0, begun + started[0] / RATE - time.perf_counter()))

    threads: list[threading.Thread] = []
    threads += [threading.Thread(target=start) for _ in range(4)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()
    print(f"\npages working: {started[0] / (time.perf_counter() - begun):.0f} runs/s were started")  # noqa: T201  the report


@pytest.mark.timeout(1800)
def test_pages_with_many_runs(tmp_path: Path) -> None:
    """Filled by copies while the daemon is down."""
    with (
        open_chrome() as chrome,
        opened_site(tmp_path, chrome) as site,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        fill(site, silent)
        many = site.start("loops", {"items": list(range(ITEMS))})
        installation, state = site.installation, site.state
    database = next(path for path in (tmp_path / "data").iterdir() if path.name.endswith("-runs.db"))
    multiply(database)
    with installation.daemon("--dashboard") as daemon, ExitStack() as stack:
        chrome = stack.enter_context(open_chrome())
        site.origin = f"http://127.0.0.1:{daemon.wait_for('ready')['dashboard_port']}"
        site.api = stack.enter_context(
            httpx.Client(base_url=site.origin, headers=site.api.headers, timeout=60, trust_env=False)
        )
        assert state is not None
        context = stack.enter_context(closing(chrome.new_context(base_url=site.origin, storage_state=state)))
        paths = kinds_of_pages(site, context.new_page())
        measure(site, paths, "quiet")
        measure(site, {"a run of 10,000 items": f"/runs/{many}"}, "items")
        with working(site):
            measure(site, paths, "working")
        for _ in range(BROWSERS):
            stack.enter_context(closing(chrome.new_context(base_url=site.origin, storage_state=state))).new_page().goto(
                "/runs"
            )
        with working(site):
            measure(site, paths, "live")
