"""Events as spans: what lies in what, when it began, what it is called."""

import pytest

from runner.daemon.tracing.spans import MOST_RUNS, Span, Spans, parent_of, trace_id
from runner.events import About, Ended, Expanded, Failure, Finished, Parked, Rerun, Settled, Started

HTTP = About("http", 2.0)


def _told(*events: tuple[object, About]) -> list[Span]:
    sent: list[Span] = []
    spans = Spans(sent.append, lambda text: text.replace("s3cret", "[secret KEY]"))
    for event, about in events:
        spans.publish("run1", "orders", event, about)  # type: ignore[arg-type]  # events of one union
    return sent


def test_an_action_holds_its_attempts_and_the_run_its_actions() -> None:
    """Two attempts, one action from the first to the last, one run from its acceptance; all in one trace."""
    first, second, action, run = _told(
        (Started(2.0, "a", 1), HTTP),
        (Finished(3.0, "a", 1, "failed", error=Failure("status", "503"), retry_at=4.0), HTTP),
        (Started(4.0, "a", 2), HTTP),
        (Finished(5.0, "a", 2, "succeeded"), About("http", 4.0)),
        (Ended(6.0, "succeeded"), About("", 1.0)),
    )

    assert (first.parent, second.parent) == (action.id, action.id)
    assert action.parent == run.id
    assert run.parent is None
    assert {each.trace for each in (first, second, action, run)} == {trace_id("run1")}
    assert [(each.start, each.end) for each in (first, second, action, run)] == [(2, 3), (4, 5), (2, 5), (1, 6)]
    assert (first.error, second.error) == ("503", None)
    assert [each.name for each in (first, second, action, run)] == ["attempt 1", "attempt 2", "a", "orders"]


def test_another_process_goes_on_with_the_same_trace() -> None:
    """The end that a restarted daemon tells of has the ids that the first one's attempts named."""
    (attempt, action) = _told((Finished(3.0, "a", 1, "succeeded"), HTTP))
    (run,) = _told((Ended(6.0, "failed"), About("", 1.0)))

    assert attempt.parent == action.id
    assert (action.parent, action.trace) == (run.id, run.trace)
    assert action.start == 2.0


def test_a_rerun_is_a_span_of_its_own() -> None:
    """It begins with the rerun, not with the run of a week ago, and is in the same trace."""
    (first,) = _told((Ended(6.0, "failed"), About("", 1.0)))
    again = About("", 1.0, 2)
    (second,) = _told((Rerun(600.0, 2), again), (Ended(601.0, "succeeded"), again))

    assert first.trace == second.trace
    assert first.id != second.id
    assert (second.start, second.end) == (600.0, 601.0)


def test_nothing_secret_is_in_a_span() -> None:
    """Name, attributes and the error pass the redactor."""
    sent = _told(
        (Finished(3.0, "s3cret", 1, "failed", error=Failure("s3cret", "it was s3cret")), About("s3cret", 2.0)),
    )

    assert len(sent) == 2
    assert "s3cret" not in repr(sent)
    assert sent[0].error == "it was [secret KEY]"


def test_a_child_run_is_named() -> None:
    """The action that started it says which trace is the child's; a page of an answer is no end."""
    (action,) = _told(
        (Parked(2.0, "sub", child="run2"), About("workflow")),
        (Settled(3.0, "sub", "succeeded", page=0), About("workflow")),
        (Settled(9.0, "sub", "succeeded"), About("workflow")),
    )

    assert action.attributes["runner.child_run"] == "run2"
    assert (action.start, action.end) == (2.0, 9.0)


def test_a_loop_begins_with_its_list() -> None:
    """The action of a `for_each` lasts from the list to the join; spans of its items have the action's name."""
    from runner.events import Stored  # noqa: PLC0415  of this test alone

    item, loop = _told(
        (Expanded(1.0, "sites", Stored(), 1), About("set")),
        (Settled(2.0, "sites[0]", "succeeded"), About("set")),
        (Settled(3.0, "sites", "succeeded"), About("set")),
    )

    assert (loop.start, loop.end) == (1.0, 3.0)
    assert (item.name, item.attributes["runner.place"]) == ("sites", "sites[0]")
    assert item.parent == loop.id


@pytest.mark.parametrize(
    ("place", "parent"),
    [
        ("a", ""),
        ("sites[3]", "sites"),
        ("sites[3]/check", "sites[3]"),
        ("poll~2/ask", "poll"),
        ("a~1/b[2]/c", "a~1/b[2]"),
    ],
)
def test_what_holds_a_place(place: str, parent: str) -> None:
    """The item that an action is in, the loop of an item, the group of an attempt of it."""
    assert parent_of(place) == parent


def test_beginnings_are_bounded() -> None:
    """However many runs wait, so many are remembered."""
    spans = Spans(lambda _: None, str)
    for number in range(MOST_RUNS + 10):
        spans.publish(str(number), "w", Started(1.0, "a", 1), HTTP)

    assert len(spans._runs) == MOST_RUNS
