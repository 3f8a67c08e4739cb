"""The vault's file exchanged for an older one while no daemon ran, and what the audit log tells of a run."""

import json
import shutil
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.acceptance.conftest import Installation

SAY = """
actions:
  - {id: say, type: set, config: {said: $secret.API_KEY}}
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
