"""
A schedule of each second and a daemon that is killed again and again: what fired, and what should have.

    killed(installation, times=…) ──► Firings: scheduled times from the first to the last, and those that are runs
"""

import json
import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import datetime
from typing import NamedTuple

from tests.acceptance.conftest import Installation

TICK = """
triggers:
  - {type: schedule, config: {every: 1s, catch_up: all}}
actions:
  - {id: a, type: set, config: $trigger.scheduled_at}
output: $action.a
"""


class Firings(NamedTuple):
    """Scheduled times as they stand in the runs, in order; `twice` and `missing` should be empty."""

    fired: list[str]
    twice: list[str]
    missing: int
    unended: int


def killed(installation: Installation, *, times: int, seed: int) -> Firings:
    """Kill the daemon around an instant of a firing, so many times; then let it catch up."""
    dice = random.Random(seed)
    installation.environ["RUNNERD_RUNS_MAX_RECOVERIES"] = "9999"
    installation.write("tick.yaml", TICK)
    for _ in range(times):
        with installation.daemon() as daemon:
            daemon.wait_for("run succeeded")
            # to within a few milliseconds of the next full second, at which the next firing is due
            time.sleep(max(0.0, 1 - time.time() % 1 + dice.uniform(-0.01, 0.03)))
            daemon.stop(signal.SIGKILL)
    with installation.daemon() as daemon:
        daemon.wait_for("run succeeded", times=2)
        installation.run("workflows", "pause", "tick", check=True)
        while installation.run("runs", "list", "--state", "queued", "--state", "running", "--json").stdout:
            daemon.wait_for("run succeeded")
    return seen(installation)


def seen(installation: Installation) -> Firings:
    """What stands in the store."""
    rows = _rows(installation)
    fired = sorted(json.loads(output) for _, state, output in rows if state == "succeeded")
    seconds = sorted({int(datetime.fromisoformat(each).timestamp()) for each in fired})
    twice = sorted(each for each, count in Counter(fired).items() if count > 1)
    missing = seconds[-1] - seconds[0] + 1 - len(seconds)
    return Firings(fired, twice, missing, sum(state != "succeeded" for _, state, _ in rows))


def _rows(installation: Installation) -> list[tuple[str, str, bytes]]:
    database = (installation.folder / "data" / "runner-runs.db").as_uri()
    with closing(sqlite3.connect(f"{database}?mode=ro", uri=True)) as connection:
        return connection.execute("select id, state, output from runs where workflow = 'tick'").fetchall()
