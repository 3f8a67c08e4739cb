"""
Two hundred kills around the instant of a firing: how many scheduled times were fired twice, or not at all.
"""

from pathlib import Path

import pytest

from tests.acceptance.conftest import Installation
from tests.acceptance.scheduling import killed

KILLS = 200


@pytest.mark.benchmark
@pytest.mark.timeout(900)
def test_two_hundred_kills(tmp_path: Path) -> None:
    """The counts are printed."""
    firings = killed(Installation(tmp_path), times=KILLS, seed=2)
    print(  # noqa: T201  a benchmark reports
        f"\n{KILLS} kills: {len(firings.fired)} firings, twice {len(firings.twice)}, missing {firings.missing}, "
        f"not ended {firings.unended}"
    )
