"""
Kills around the instant of a firing, 200 unless `SCHEDULE_KILLS` says else: how many scheduled times were fired twice, or not at all.

The suite has the same with a few kills in `tests/acceptance/test_schedules.py`.
"""

import os
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import Installation
from tests.acceptance.scheduling import killed

KILLS = int(os.environ.get("SCHEDULE_KILLS", "200"))


@pytest.mark.benchmark
@pytest.mark.timeout(120 + 15 * KILLS)
def test_kills_around_the_instant_of_a_firing(tmp_path: Path) -> None:
    """The counts are printed."""
    began = time.monotonic()
    firings = killed(Installation(tmp_path, fresh=True), times=KILLS, seed=2)
    print(  # noqa: T201  a benchmark reports
        f"\n{KILLS} kills in {time.monotonic() - began:.0f} s: {len(firings.fired)} firings, twice {len(firings.twice)}, "
        f"missing {firings.missing}, not ended {firings.unended}"
    )
