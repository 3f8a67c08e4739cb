"""Runs, actions and attempts as numbers."""

from runner.daemon.measures.run_tally import MOST_WORKFLOWS, OTHER, RunTally
from runner.events import About, Ended, Finished, Settled

CALL = About("http", 10.0)


def test_an_attempt_that_is_tried_again_ends_no_action() -> None:
    """Two attempts, one action; both took their time."""
    tally = RunTally()
    tally.publish("r", "w", Finished(12.0, "a", 1, "failed", retry_at=13.0), CALL)
    tally.publish("r", "w", Finished(15.0, "a", 2, "succeeded"), About("http", 13.0))

    assert tally.attempts == {("http", "failed"): 1, ("http", "succeeded"): 1}
    assert tally.actions == {("http", "succeeded"): 1}
    assert tally.attempt_seconds["http"].sum == 4.0


def test_a_page_ends_no_action() -> None:
    """A kept page of an answer is no end; a skip is one."""
    tally = RunTally()
    tally.publish("r", "w", Settled(1.0, "a", "succeeded", page=0), CALL)
    tally.publish("r", "w", Settled(1.0, "b", "skipped"), About("set"))

    assert tally.actions == {("set", "skipped"): 1}


def test_a_rerun_counts_and_has_no_time() -> None:
    """A run that was run again a week later did not take a week."""
    tally = RunTally()
    tally.publish("r", "w", Ended(7.0, "failed"), About("", 5.0))
    tally.publish("r", "w", Ended(700_000.0, "succeeded"), About("", 5.0, 2))

    assert tally.runs == {("w", "failed"): 1, ("w", "succeeded"): 1}
    assert tally.run_seconds["w"].sum == 2.0


def test_names_are_bounded() -> None:
    """Files run by hand may bring any number of workflows: the ones past the bound are counted together."""
    tally = RunTally()
    for number in range(MOST_WORKFLOWS + 5):
        tally.publish("r", f"w{number}", Ended(1.0, "succeeded"), About())
    tally.refuse("http", "new one", "caller")

    assert len(tally.runs) == MOST_WORKFLOWS + 1
    assert tally.runs[OTHER, "succeeded"] == 5
    assert tally.refused == {("http", OTHER, "caller"): 1}
