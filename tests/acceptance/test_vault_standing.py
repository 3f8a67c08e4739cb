"""The vault's file exchanged for an older one while no daemon ran, and what the audit log tells of a run."""

import json
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from typing import Any

import pytest

from tests.acceptance.conftest import Installation

SAY = """
actions:
  - {id: say, type: set, config: {said: $secret.API_KEY}}
"""

SEND = """
actions:
  - {id: send, type: http, config: {url: "http://127.0.0.1:9/", headers: {X-Key: $secret.API_KEY}}}
"""


def rows(installation: Installation, action: str) -> list[dict[str, Any]]:
    """Of the audit log, those that tell of this."""
    said = installation.run("secrets", "audit", "--json", "--action", action, check=True).stdout
    return [json.loads(line) for line in said.splitlines()]


@pytest.fixture
def used(installation: Installation) -> Installation:
    """A secret that a run was handed; the backup and the copy are from before its value of today."""
    installation.write("say.yaml", SAY)
    installation.set_secret("API_KEY", "canary-value-number-1")
    with closing(sqlite3.connect(installation.folder / "data" / "runner.db")) as vault:
        vault.execute("vacuum into ?", (str(installation.folder / "older.db"),))
    installation.run("backup", "backup.runner", check=True)
    installation.set_secret("API_KEY", "canary-value-number-2")
    installation.run("run", "say", check=True)
    return installation


class TestOlderVault:
    def test_a_start_refuses_it_until_it_is_accepted(self, used: Installation) -> None:
        """One sentence with both cures, exit status 1; whoever accepts it stands in its log."""
        shutil.copyfile(used.folder / "older.db", used.folder / "data" / "runner.db")

        with used.spawn() as daemon:
            assert daemon.ended() == 1
            assert b"it is older than the one that was used last (generation 2, not 3)" in daemon.raw
            assert b"runner restore FILE" in daemon.raw
            assert b"runner secrets accept" in daemon.raw
        ill = used.run("doctor", "--json").stdout
        assert b"it is older than the one that was used last" in ill

        assert b"accepted: it is older" in used.run("secrets", "accept", check=True).stdout
        with used.daemon():
            pass
        (row,) = rows(used, "accept")
        assert "it is older than the one that was used last (generation 2, not 3)" in row["details"]["found"]

    def test_restore_is_the_legal_way_back(self, used: Installation) -> None:
        """The older vault starts, without a word, and its log tells who restored it."""
        used.run("restore", "backup.runner", check=True)

        with used.daemon():
            pass

        assert len(rows(used, "restore")) == 1


class TestUses:
    def test_a_revisions_resolves_of_an_hour_are_one_row_and_a_count(self, installation: Installation) -> None:
        """Of a daemon that was stopped, nothing is missing: the rows' counts are how often it was handed out."""
        installation.write("say.yaml", SAY)
        installation.set_secret("API_KEY", "canary-value-number-1")
        with installation.daemon() as daemon:
            for _ in range(3):
                installation.run("run", "say", check=True)
            assert daemon.stop() == 0

        told = rows(installation, "resolve")

        assert {(row["subject"], row["details"]["workflow"]) for row in told} == {("API_KEY", "say")}
        assert len({row["details"]["revision"] for row in told}) == 1
        assert sum(row["details"]["count"] for row in told) == 3
        assert len(told) <= 3

    def test_what_was_refused_stands_there_with_workflow_and_host(self, installation: Installation) -> None:
        """By the policy, which names no host, and where it would have been sent to."""
        installation.write("say.yaml", SAY)
        installation.write("send.yaml", SEND)
        words = ("--allowed-host", "https://api.example.com", "--allowed-workflow", "send")
        installation.run("secrets", "set", "API_KEY", "-", *words, stdin=b"canary-value-number-1", check=True)
        for name in ("say", "send"):
            assert installation.run("run", name).returncode == 1

        told = [(row["subject"], row["details"]) for row in rows(installation, "refused")]

        assert told == [
            ("API_KEY", {"workflow": "say", "count": 1}),
            ("API_KEY", {"workflow": "send", "host": "http://127.0.0.1:9", "count": 1}),
        ]


class TestAtTheStart:
    def test_a_key_in_git_and_loose_modes_are_warned_of(self, installation: Installation) -> None:
        """As `runner doctor` says it; doctor also tells that the log is whole and its verification key was shown."""
        for words in (("init", "-q"), ("add", "-f", "config.toml")):
            subprocess.run(["git", *words], cwd=installation.folder, check=True)
        (installation.folder / "data" / "runner.db").chmod(0o644)

        with installation.daemon() as daemon:
            said = daemon.raw.decode()
        found = [json.loads(line) for line in installation.run("doctor", "--deep", "--json").stdout.splitlines()]

        assert "config.toml holds the master key and is in git: git rm --cached" in said
        assert "runner.db can be opened by other users (mode 0644): chmod 600" in said
        audit = [(each["name"], each["state"], each["what"]) for each in found if each["name"].startswith("audit")]
        assert audit == [
            ("audit", "ok", "2 rows, the last as the vault says; its verification key was shown at row 2"),
            ("audit_rows", "ok", "2 rows, each the one that followed"),
        ]

    def test_a_verification_key_that_was_lost_is_followed_by_another(self, installation: Installation) -> None:
        """Shown once, in no file; it verifies what comes after it."""
        done = installation.run("secrets", "audit", "--new-key", check=True).stdout.decode()
        (key,) = re.findall(r"runner-audit-1-\S+", done)
        assert installation.leaks(key) == ["output and log"]
        installation.set_secret("API_KEY", "canary-value-number-1")
        (installation.folder / "verify.key").write_text(key)

        said = installation.run("secrets", "audit", "--verify", "--key-file", "verify.key", check=True).stdout

        assert said.startswith(b"the audit log is whole: 4 rows, 1 MACs\n")
