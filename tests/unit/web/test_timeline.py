"""A run folded for a person."""

from runner.definitions.model import Action, Body, Workflow
from runner.events import (
    Accepted,
    Cancelling,
    Ended,
    Expanded,
    Finished,
    Parked,
    Phase,
    Recovered,
    Rerun,
    Settled,
    Started,
    Stored,
)
from runner.web.timeline import Timeline


def test_what_nests_stands_below_what_is_around_it() -> None:
    """In the order in which they began, though items and their actions began side by side."""
    timeline = Timeline()
    for event in (
        Expanded(1, "each", Stored(), 2),
        Started(2, "each[0]", 1),
        Started(2, "each[1]", 1),
        Started(3, "each[1]/ask", 1),
        Started(4, "each[0]/ask", 1),
        Started(5, "poll", 1),
        Started(6, "poll/ask", 1),
        Started(7, "poll", 2),
        Started(8, "poll~2/ask", 1),
        Started(9, "last", 1),
    ):
        timeline.apply(event)

    assert [line.place for line in timeline.all_lines()] == [
        "each",
        "each[0]",
        "each[0]/ask",
        "each[1]",
        "each[1]/ask",
        "poll",
        "poll/ask",
        "poll~2/ask",
        "last",
    ]


def test_what_never_began_is_pending_and_then_skipped() -> None:
    """`finally` is shown once the run comes to it."""
    body = Body(
        actions=(Action(id="a", type="set"), Action(id="b", type="set")),
        on_failure=(Action(id="tell", type="http"),),
        finally_=(Action(id="clean", type="http"),),
    )
    timeline = Timeline(Workflow(name="w", body=body))
    timeline.apply(Settled(1, "a", "failed"))
    before = [(line.place, line.state) for line in timeline.all_lines()]
    timeline.apply(Phase(2, "", "finally"))
    timeline.apply(Ended(3, "failed"))

    assert before == [("a", "failed"), ("b", "pending")]
    assert [(line.place, line.state) for line in timeline.all_lines()] == [
        ("a", "failed"),
        ("b", "skipped"),
        ("clean", "skipped"),
    ]


def test_each_state_comes_from_its_event() -> None:
    """Waits, pages, recoveries, cancelling, a rerun."""
    timeline = Timeline()
    timeline.apply(Accepted(0, "w", "r", Stored(), Stored()))
    timeline.apply(Started(1, "a", 1))
    timeline.apply(Settled(1, "a", "succeeded", page=0))
    assert timeline.lines["a"].state == "running"
    timeline.apply(Parked(2, "a", until=9.0))
    assert (timeline.lines["a"].state, timeline.lines["a"].until) == ("waiting", 9.0)
    timeline.apply(Recovered(3, 2))
    timeline.apply(Recovered(3, 3, clean=True))
    assert timeline.recoveries == 1
    timeline.apply(Cancelling(4, "person"))
    timeline.apply(Finished(at=5, place="a", attempt=1, outcome="interrupted"))
    assert (timeline.lines["a"].state, timeline.cancelling is not None) == ("failed", True)
    timeline.apply(Ended(6, "cancelled"))
    states = [timeline.state]
    timeline.apply(Rerun(7, 2))
    assert [*states, timeline.state] == ["cancelled", "running"]
