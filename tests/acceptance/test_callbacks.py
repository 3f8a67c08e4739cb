"""Callbacks over the daemon's life and death, and `runner runs answer`."""

import json
import signal
from urllib.request import Request, urlopen

import pytest

from tests.acceptance.conftest import Daemon, Installation

ASK = """
actions:
  - {id: note, type: set, config: {address: $run.callback.ask}}
  - {id: ask, type: wait, timeout: 1h, config: {callback: {ok: {type: boolean}, n: {type: integer, default: 1}}}}
output: $action.ask
"""

WEBHOOK = """
triggers: [{type: http, config: {method: POST, path: /ask, auth: none}}]
actions:
  - {id: ask, type: wait, config: {callback: {ok: {type: boolean}, n: {type: integer, default: 1}}}}
  - {id: next, type: wait, config: {callback: {ok: {type: boolean}}}}
output: [$action.ask, $action.next]
"""


def started(daemon: Daemon) -> str:
    with urlopen(Request(f"http://127.0.0.1:{daemon.port}/ask", method="POST")) as answer:
        return str(json.load(answer)["run"])


def state(installation: Installation, run: str) -> dict[str, dict[str, object]]:
    document = json.loads(installation.run("runs", "show", run, "--json", check=True).stdout)
    return {action["place"]: action for action in document["actions"]} | {"run": document}


def until_asked(installation: Installation, run: str, place: str) -> None:
    while state(installation, run).get(place, {}).get("state") != "waiting":
        pass


class TestAnswer:
    def test_by_hand_over_the_socket_across_a_kill_and_without_a_daemon(self, installation: Installation) -> None:
        """The first answer is given by the socket and survives SIGKILL; the second is given while nothing runs."""
        installation.write("ask.yaml", WEBHOOK)
        with installation.daemon() as daemon:
            run = started(daemon)
            until_asked(installation, run, "ask")
            listed = installation.run("runs", "list", "--state", "waiting", check=True).stdout
            assert run.encode() in listed
            assert b"waits for an answer" in installation.run("runs", "show", run, check=True).stdout
            wrong = installation.run("runs", "answer", run, "ask", "--input", "ok=perhaps")
            assert (wrong.returncode, b"true or false" in wrong.stderr, b"perhaps" in wrong.stderr) == (1, True, False)
            said = installation.run("runs", "answer", run, "ask", "-i", "ok=true", "-i", "n=7", check=True).stdout
            assert said == f"run {run}: ask is answered\n".encode()
            daemon.stop(signal.SIGKILL)
        assert state(installation, run)["run"]["state"] == "running"
        said = installation.run("runs", "answer", run[:12], "next", "-i", "ok=false", check=True).stdout
        assert b"next is answered; the run goes on when a daemon starts" in said
        again = installation.run("runs", "answer", run, "next", "-i", "ok=true")
        assert (again.returncode, b"answered already" in again.stderr) == (1, True)
        with installation.daemon() as daemon:
            daemon.wait_for("run succeeded", run=run)
        shown = state(installation, run)["run"]
        assert shown["output"] == [{"ok": True, "n": 7}, {"ok": False}]
        assert shown["recoveries"] in {0, 1}

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_an_address_is_good_across_a_kill(self, installation: Installation, moment: str) -> None:
        """Killed before the answer the same address takes it; killed right after the 200 the answer is used."""
        installation.write(
            "ask.yaml",
            ASK.replace(
                "actions:", "triggers: [{type: http, config: {path: /ask, method: POST, auth: none}}]\nactions:", 1
            ),
        )
        with installation.daemon() as daemon:
            run = started(daemon)
            until_asked(installation, run, "ask")
            note = state(installation, run)["note"]["value"]
            assert note == {"address": "[secret run.callback]"}, "who has the address may answer: it is not shown"
            if moment == "after":
                installation.run("runs", "answer", run, "ask", "-i", "ok=true", check=True)
            daemon.stop(signal.SIGKILL)
        with installation.daemon() as daemon:
            if moment == "before":
                installation.run("runs", "answer", run, "ask", "-i", "ok=true", check=True)
            while state(installation, run)["run"]["state"] == "running":
                pass
        assert state(installation, run)["run"]["output"] == {"ok": True, "n": 1}
