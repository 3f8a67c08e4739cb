"""
Fifty runs in flight, a SIGKILL at a random instant, a restart, again and again; then everything is counted.

    http ──► group, for_each of an insert `exactly_once` ──► http          counts = await endure(…, kills=10)

Two kills in a row would let the runs go on one at a time (design §2.4), and little would be in flight. So every second
kill comes while the daemon stops, which is no part of a row; with `in_a_row` none does.

The daemon is the real command. What is counted comes from the journal's file and from the database, not from Runner's
own answers. Used by `test_kills` (a few kills) and `tests/benchmarks/kills.py` (as many as one likes).
"""

import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import httpx
from anyio.to_thread import run_sync

from runner.events import Accepted, AnyEvent, Ended, Finished, Started, decode
from tests.acceptance.conftest import Daemon, Installation

ITEMS = 4
IN_FLIGHT = 50
PATIENCE = 90.0
TRY_ON = {"RUNNERD_RUNS_MAX_RECOVERIES": "9999"}
"""Who is alone in flight at three kills within a second each would be failed, as it should be."""
WORKFLOW = """
triggers:
  - {{type: http, config: {{method: POST, path: /go, auth: none, respond: accepted}}}}
actions:
  - {{id: first, type: http, config: {{url: "{peer}/first"}}}}
  - id: each
    type: group
    for_each: [0, 1, 2, 3]
    config:
      actions:
        - id: insert
          type: sql
          config:
            connection_string: "{database}"
            query: insert into kill_effects (run, item) values ($run.id, $index)
            exactly_once: true
  - {{id: last, type: http, config: {{url: "{peer}/last"}}}}
"""


@dataclass
class Counts:
    """What went wrong, and how much was tried."""

    kills: int = 0
    cut: int = 0
    """Runs that had not ended when the daemon was killed, over all kills."""
    accepted: int = 0
    lost: int = 0
    unsuccessful: int = 0
    repeated: int = 0
    doubled: int = 0
    missing: int = 0
    inconsistent: int = 0

    @property
    def wrong(self) -> int:
        """Zero, or a promise is broken."""
        return self.lost + self.unsuccessful + self.repeated + self.doubled + self.missing + self.inconsistent


async def endure(
    installation: Installation, counts: Counts, *, kills: int, seed: int = 0, in_a_row: bool = False
) -> list[str]:
    """Kill the daemon so many times under load, then let it end what it has; the accepted runs' ids."""
    chance = random.Random(seed)
    accepted: list[str] = []
    for number in range(kills):
        with installation.daemon(environ=TRY_ON) as daemon:
            await _submit(daemon, accepted, IN_FLIGHT - live(installation))
            await anyio.sleep(chance.uniform(0, 1.0))
            if number % 2 and not in_a_row:
                daemon.process.terminate()
                await anyio.sleep(chance.uniform(0.02, 0.3))
            await run_sync(partial(daemon.stop, signal.SIGKILL))
        counts.kills += 1
        counts.cut += live(installation)
    with installation.daemon(environ=TRY_ON):
        await run_sync(let_end, installation)
    counts.accepted = len(accepted)
    return accepted


async def _submit(daemon: Daemon, accepted: list[str], most: int) -> None:
    async with httpx.AsyncClient() as client:

        async def start() -> None:
            with suppress(httpx.TransportError):
                answer = await client.post(f"http://127.0.0.1:{daemon.port}/go")
                if answer.status_code == 202:
                    accepted.append(str(answer.json()["run"]))

        async with anyio.create_task_group() as group:
            for _ in range(max(most, 0)):
                group.start_soon(start)


def count(installation: Installation, accepted: list[str], effects: Counter[tuple[str, int]], counts: Counts) -> None:
    """Compare what was accepted with the journal and with what stands in the database."""
    found = journals(installation)
    for run in accepted:
        events = found.get(run, [])
        ended = [event for event in events if isinstance(event, Ended)]
        counts.lost += not ended
        counts.unsuccessful += any(event.state != "succeeded" for event in ended)
        counts.inconsistent += not _is_consistent(events)
        counts.repeated += _repeated(events)
        counts.missing += sum(not effects[run, item] for item in range(ITEMS))
    counts.doubled += sum(number - 1 for number in effects.values())


def _is_consistent(events: list[AnyEvent]) -> bool:
    """Accepted first and once, ended once and last."""
    kinds = Counter(type(event) for event in events)
    return (
        bool(events)
        and isinstance(events[0], Accepted)
        and isinstance(events[-1], Ended)
        and kinds[Accepted] == kinds[Ended] == 1
    )


def _repeated(events: list[AnyEvent]) -> int:
    """Attempts that began after their place had succeeded."""
    done: set[tuple[str, int]] = set()
    repeated = 0
    for event in events:
        if isinstance(event, Finished) and event.outcome == "succeeded":
            done.add((event.place, event.generation))
        elif isinstance(event, Started):
            repeated += (event.place, event.generation) in done
    return repeated


def journals(installation: Installation) -> dict[str, list[AnyEvent]]:
    """What stands in the journal of each run."""
    found: dict[str, list[AnyEvent]] = {}
    for run, events in _rows(installation, "select run, events from journal order by run, seq"):
        found.setdefault(str(run), []).extend(decode(events))
    return found


def let_end(installation: Installation) -> None:
    """Come back when no run is live, or patience is at its end: `count` then tells which."""
    with suppress(TimeoutError):
        until(lambda: not live(installation))


def until(is_so: Callable[[], bool]) -> None:
    """Come back when it is so. Raises TimeoutError when patience is at its end."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)  # the file tells nobody when it changes


def live(installation: Installation) -> int:
    """How many runs have not ended."""
    path = installation.folder / "data" / "runner-runs.db"
    if not path.exists():
        return 0
    return int(_rows(installation, "select count(*) from runs where ended_at is null")[0][0])


def _rows(installation: Installation, statement: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{installation.folder}/data/runner-runs.db?mode=ro", uri=True)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()
