"""Schedules, pauses and `run` triggers of a real daemon."""

import json
import os
import signal

import httpx
import pytest

from tests.acceptance.conftest import Installation
from tests.acceptance.scheduling import TICK, killed

KILLS = int(os.environ.get("SCHEDULE_KILLS", "3"))

FAILING = """
actions:
  - {id: a, type: stop, config: {error: broken}}
"""
TELL = """
triggers:
  - {type: run, config: {workflow: "*", state: failed}}
actions:
  - {id: a, type: set, config: "$trigger.run.workflow: $trigger.run.error"}
output: $action.a
"""


@pytest.mark.timeout(120 + 15 * KILLS)
def test_killed_around_the_instant_of_a_firing(installation: Installation) -> None:
    """Each second from the first to the last is one run, whenever the process was killed and started again."""
    firings = killed(installation, times=KILLS, seed=1)
    assert len(firings.fired) >= 2 * KILLS
    assert (firings.twice, firings.missing, firings.unended) == ([], 0, 0)


def test_people_see_when_it_fires_and_pause_it(installation: Installation) -> None:
    """Next and last firings in list and show; paused while a daemon runs, resumed while none does."""
    installation.write("tick.yaml", TICK)
    with installation.daemon() as daemon:
        daemon.wait_for("run succeeded")
        shown = installation.run("workflows", "show", "tick", check=True).stdout.decode()
        assert shown.count("next      ") == 5
        assert " fired: " in shown
        assert installation.run("workflows", "pause", "tick", check=True).stdout.startswith(b"tick is paused")
        assert b"paused" in installation.run("workflows", "list", check=True).stdout
        assert installation.run("workflows", "pause", "nothing").returncode == 1
    with installation.daemon():
        (document,) = map(json.loads, installation.run("workflows", "show", "tick", "--json").stdout.splitlines())
        assert document["paused"]
        assert document["triggers"][0]["next"] == []
    assert "paused    since" in installation.run("workflows", "show", "tick", check=True).stdout.decode()
    assert installation.run("workflows", "resume", "tick", check=True).stdout == b"tick is resumed\n"
    assert installation.run("workflows", "resume", "tick").stderr == b"runner: tick is not paused\n"
    with installation.daemon() as daemon:
        daemon.wait_for("run succeeded", times=3)


def test_a_paused_workflow_refuses_requests(installation: Installation) -> None:
    """503 with the reason, and 202 once it is resumed."""
    installation.write(
        "hook.yaml",
        "triggers:\n  - {type: http, config: {path: /hook, auth: none}}\nactions:\n  - {id: a, type: set, config: 1}\n",
    )
    with installation.daemon() as daemon:
        address = f"http://127.0.0.1:{daemon.port}/hook"
        installation.run("workflows", "pause", "hook", check=True)
        answer = httpx.post(address)
        assert (answer.status_code, answer.json()["detail"]) == (503, "the workflow is paused")
        assert int(answer.headers["retry-after"]) > 0
        installation.run("workflows", "resume", "hook", check=True)
        assert httpx.post(address).status_code == 202


def test_a_failure_is_told_though_the_daemon_is_killed_at_its_end(installation: Installation) -> None:
    """The end of the run is on disk, the telling is not: the next daemon tells, once."""
    installation.write("job.yaml", FAILING)
    installation.write("tell.yaml", TELL)
    with installation.daemon() as daemon:
        assert installation.run("run", "job").returncode == 1
        daemon.stop(signal.SIGKILL)
    with installation.daemon() as daemon:
        assert installation.run("run", "job").returncode == 1
        daemon.wait_for("run succeeded", workflow="tell")
    with installation.daemon():
        rows = installation.run("runs", "list", "--workflow", "tell", "--json").stdout.splitlines()
    assert [json.loads(row)["output"] for row in rows] == ["job: broken"] * 2
