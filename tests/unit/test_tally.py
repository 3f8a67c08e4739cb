"""Counting for nearly nothing: which bucket, which sum."""

from runner.tally import Commits, Histogram


def test_a_value_counts_in_its_bucket_and_in_all_above() -> None:
    """A value that is a bound counts up to that bound; one past all bounds counts in the last."""
    histogram = Histogram((1.0, 10.0))
    for value in (0.5, 1.0, 2.0, 11.0):
        histogram.observe(value)

    assert histogram.buckets() == [(1.0, 2), (10.0, 3), (float("inf"), 4)]
    assert histogram.sum == 14.5


def test_a_commit_counts_twice() -> None:
    """How long it took, and how much it took with it."""
    commits = Commits()
    commits.observe(0.5, 7)

    assert commits.seconds.sum == 0.5
    assert commits.items.sum == 7
