"""
Many SIGKILLs with fifty runs in flight, on each database: the counts, reported and never asserted (`make bench`).

    RUNNER_TEST_KILLS=1000   kills in all, in turns of ten on PostgreSQL, SQLite and MariaDB; 60 where it is not set

Each turn is an installation of its own; in every fourth one the kills come in a row, so that runs go on one at a time.
"""

import os
from pathlib import Path

import pytest

from tests.conftest import OpenServer
from tests.integration.kills.test_kills import addresses, kill_and_count

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(7200)]

KILLS = int(os.environ.get("RUNNER_TEST_KILLS", "60"))
A_TURN = 10


@pytest.mark.parametrize("turn", range(-(-KILLS // A_TURN)))
async def test_kills(turn: int, tmp_path: Path, postgres_url: str, mysql_url: str, http_server: OpenServer) -> None:
    """Ten kills."""
    databases = addresses(tmp_path, postgres_url, mysql_url)
    name = list(databases)[turn % len(databases)]
    kills = min(A_TURN, KILLS - turn * A_TURN)
    in_a_row = turn % 4 == 3
    counts = await kill_and_count(tmp_path, databases[name], http_server, kills, turn, in_a_row=in_a_row)
    print(f"\nkills on {name}{', in a row' if in_a_row else ''}: {counts}")  # noqa: T201  the report is its output
