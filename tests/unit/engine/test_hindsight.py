"""What of a journal is passed over for one place."""

import pytest

from runner.engine.hindsight import is_seen
from runner.events import Settled


@pytest.mark.parametrize(
    ("at", "place", "may_be"),
    [
        ("a", "b", True),
        ("each", "after", True),
        ("each[1]", "after", False),
        ("each[1]/x", "after", False),
        ("each[1]", "each[1]/x", True),
        ("each[1]/in[2]/x", "each[1]", True),
        ("each[1]", "each[11]/x", False),
        ("each[11]", "each[1]", False),
        ("each[1]/in[2]", "each[1]/in[2]/x", True),
        ("each[1]/in[3]", "each[1]/in[2]/x", False),
        ("each[1]/in[3]", "each[1]/after", False),
        ("poll~2/each[1]", "poll~3/each[1]", False),
    ],
)
def test_items_that_a_place_does_not_lie_in_say_nothing_of_it(at: str, place: str, *, may_be: bool) -> None:
    """Neither what is inside of them, nor items of a loop within the same item."""
    assert is_seen(Settled(place=at, state="succeeded", at=1.0), place) is may_be
