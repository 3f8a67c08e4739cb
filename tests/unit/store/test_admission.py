"""The decision over an admission, alone (`runner.store.admission`)."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.ports import Admission
from runner.store.admission import Decision, Lane, Standing, decide, joined, lane_of
from tests.contracts.store.made import admission

QUEUE, SKIP, NEWER = "queue", "skip", "cancel_running"


def _lane(taken: str = "", held: str = "") -> Lane:
    standing = [Standing(run, "taken") for run in taken] + [Standing(run, "held") for run in held]
    return Lane(len(taken), len(held), tuple(standing))


class TestDecide:
    @pytest.mark.parametrize(
        ("asked", "lane", "decision"),
        [
            ({}, None, Decision("running")),
            ({"start": False}, None, Decision("queued")),
            ({"limit": 1}, Lane(), Decision("running", "taken")),
            ({"limit": 1, "start": False}, Lane(), Decision("queued", "taken")),
            ({"limit": 2}, Lane(taken=1), Decision("running", "taken")),
            ({"limit": 2}, Lane(taken=2), Decision("queued", "held")),
            ({"limit": 3}, Lane(taken=1, held=1), Decision("queued", "held")),
            ({"limit": 1, "max_queued": 2}, Lane(taken=1, held=2), Decision("full")),
            ({"limit": 1, "max_queued": 0}, Lane(taken=1), Decision("full")),
            ({"limit": 1, "when_full": SKIP}, Lane(taken=1), Decision("skipped")),
            ({"limit": 1}, _lane("a"), Decision("queued", "held")),
            ({"limit": 1, "when_full": NEWER}, _lane("a"), Decision("queued", "held", ("a",))),
            ({"limit": 1, "when_full": NEWER}, _lane("a", held="bc"), Decision("queued", "held", ("a", "b", "c"))),
            ({"limit": 3, "when_full": NEWER}, _lane("ab", held="cd"), Decision("queued", "held", ("a", "b"))),
            ({"limit": 3, "when_full": NEWER}, _lane("", held="a"), Decision("queued", "held")),
            ({"limit": 1, "when_full": NEWER}, Lane(taken=1), Decision("queued", "held")),
            ({"limit": 1, "when_full": NEWER, "max_queued": 0}, _lane("a"), Decision("full")),
            (
                {"limit": 1, "when_full": NEWER, "max_queued": 1},
                _lane("a", held="b"),
                Decision("queued", "held", ("a", "b")),
            ),
            ({"limit": 3, "when_full": NEWER, "max_queued": 1}, _lane("ab", held="c"), Decision("full")),
            ({"limit": 1, "when_full": SKIP}, Lane(taken=5, held=9, inherited=True), Decision("running", "taken")),
        ],
    )
    def test_a_verdict_follows_from_how_full_the_lane_is(
        self, asked: dict[str, Any], lane: Lane | None, decision: Decision
    ) -> None:
        """Room, a place in the queue, or none."""
        assert decide(admission("run-1", **asked), lane) == decision

    @given(
        limits=st.lists(st.integers(1, 4), min_size=1, max_size=12),
        start=st.sampled_from([True, False]),
        when_full=st.sampled_from([QUEUE, SKIP, NEWER]),
    )
    def test_a_lane_is_never_fuller_than_its_widest_limit(self, limits: list[int], start: Any, when_full: str) -> None:
        """Whoever comes in whatever order, and nobody is held while the lane is empty."""
        lane = Lane()
        for number, limit in enumerate(limits):
            asked = admission(f"run-{number}", limit=limit, start=start, when_full=when_full)
            lane = joined(lane, decide(asked, lane), asked.run)

        assert lane.taken <= max(limits)
        assert lane.taken >= 1

    @given(limit=st.integers(1, 4), newcomers=st.integers(1, 12), start=st.sampled_from([True, False]))
    def test_the_latest_win(self, limit: int, newcomers: int, start: Any) -> None:
        """However many come: those that nobody superseded are the newest, and each was superseded once."""
        lane, superseded = Lane(), list[str]()
        for number in range(newcomers):
            asked = admission(f"run-{number}", limit=limit, start=start, when_full=NEWER)
            decision = decide(asked, lane)
            superseded += decision.cancel
            lane = joined(lane, decision, asked.run)

        runs = [f"run-{number}" for number in range(newcomers)]
        assert [each.run for each in lane.standing] == runs[-limit:]
        assert superseded == runs[:-limit]
        assert lane.held == sum(each.place == "held" for each in lane.standing)


class TestLane:
    def test_each_workflow_and_key_has_its_own(self) -> None:
        """Whatever the keys are, two of them never meet in one lane; a run without a limit is in none."""
        asked: list[Admission] = [
            admission("r", "a", limit=1),
            admission("r", "a", limit=1, key=""),
            admission("r", "a", limit=1, key="b"),
            admission("r", "a", limit=1, key=" b"),
            admission("r", "a-b", limit=1),
        ]

        assert len({lane_of(each) for each in asked}) == len(asked)
        assert lane_of(msgspec.structs.replace(asked[0], limit=None)) is None
