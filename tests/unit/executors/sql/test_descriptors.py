"""Which file SQLite opened, by what is open before and after."""

import pytest

from runner.executors.sql.sqlite.descriptors import is_that

WANTED, FOREIGN, OTHER = (1, 10), (1, 20), (1, 30)


@pytest.mark.parametrize(
    ("before", "after", "is_accepted"),
    [
        ({3: OTHER}, {3: OTHER, 4: WANTED}, True),
        ({3: OTHER}, {3: OTHER, 4: FOREIGN}, False),
        ({3: WANTED}, {3: WANTED, 4: FOREIGN}, False),
        ({3: WANTED}, {3: WANTED}, True),
        ({3: OTHER}, {3: OTHER}, False),
        ({3: OTHER}, {3: WANTED}, True),
        ({3: WANTED}, {3: FOREIGN}, False),
        ({3: OTHER}, {3: OTHER, 4: FOREIGN, 5: WANTED}, True),
    ],
)
def test_what_is_open_anew_is_the_file(
    before: dict[int, tuple[int, int]], after: dict[int, tuple[int, int]], *, is_accepted: bool
) -> None:
    """Anew, under a number that another file had, or kept from before where nothing is new; else it is refused."""
    assert is_that(WANTED, before, after) is is_accepted
    assert not is_that(None, before, after)
