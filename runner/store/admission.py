"""
Whether a run that asks to be accepted runs, queues or is turned away: a pure decision over how full its lane is.

    Admission + Lane ──decide()──► Decision: a verdict, the run's place in the lane, whom it supersedes

A *lane* is what a `concurrency` limit counts: one for each (workflow, key). A run takes a place in it from the moment
that the limit lets it go until it ends, whether it runs, waits or is still queued for the dispatcher; whoever finds the
lane full is `held` in it, first come, first served. Both stores count, this decides: so that they cannot differ.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

from runner.ports import Admission, Admitted, Append, Reopening, RunChange

Place = Literal["taken", "held"]
"""Where a live or queued run stands in its lane. A run without a limit has no lane and no place."""


class Standing(NamedTuple):
    """A run that no newer one has superseded."""

    run: str
    place: Place


class Lane(msgspec.Struct, frozen=True):
    """
    How full a lane is. A superseded run that has `taken` a place counts until it has ended, one that is held does not.

    `standing` are those that may be superseded, in the order of their acceptance; needed for `cancel_running` alone.
    `inherited`: an ancestor of the run has a place in this very lane, so the run must not wait for it (design §2.8).
    """

    taken: int = 0
    held: int = 0
    standing: tuple[Standing, ...] = ()
    inherited: bool = False


class Decision(NamedTuple):
    """What becomes of the run. `place` is None where there is no lane, or no run; `cancel` are those it supersedes."""

    verdict: Literal["running", "queued", "skipped", "full"]
    place: Place | None = None
    cancel: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether there is a run from now on."""
        return self.verdict in {"running", "queued"}

    def answer(self, run: str) -> Admitted:
        """The answer to whoever asked."""
        return Admitted(self.verdict, run, self.cancel)


def lane_of(asked: Admission) -> str | None:
    """The name of the run's lane: the workflow's, and after a space, which no workflow's name has, the key."""
    if asked.limit is None:
        return None
    return asked.workflow if asked.key is None else f"{asked.workflow} {asked.key}"


def decide(asked: Admission, lane: Lane | None) -> Decision:
    """
    Decide over `asked`. `lane` is None exactly where it has no limit; `max_queued` bounds those that are held.

    `cancel_running`: the latest win. The newcomer takes the place of all but the newest `limit - 1` that still stand.
    """
    return _decided(asked, asked.limit, lane)


def decide_again(asked: Reopening, limit: int | None, lane: Lane | None) -> Decision:
    """The same for a run that has ended and asks to go on, under the limit that it was accepted with."""
    return _decided(asked, limit, lane)


def _decided(asked: Admission | Reopening, limit: int | None, lane: Lane | None) -> Decision:
    go: Literal["running", "queued"] = "running" if asked.start else "queued"
    if lane is None or limit is None:
        return Decision(go)
    if lane.inherited or (lane.held == 0 and lane.taken < limit):
        return Decision(go, "taken")
    if asked.when_full == "skip":
        return Decision("skipped")
    superseded: Sequence[Standing] = ()
    if asked.when_full == "cancel_running":
        superseded = lane.standing[: max(0, len(lane.standing) - (limit - 1))]
    if lane.held - _held(superseded) >= asked.max_queued:
        return Decision("full")
    return Decision("queued", "held", tuple(each.run for each in superseded))


def joined(lane: Lane, decision: Decision, run: str) -> Lane:
    """The lane after `decision`."""
    if decision.place is None:
        return lane
    superseded = [each for each in lane.standing if each.run in decision.cancel]
    standing = (each for each in lane.standing if each.run not in decision.cancel)
    is_held = decision.place == "held"
    return msgspec.structs.replace(
        lane,
        taken=lane.taken + (not is_held),
        held=lane.held - _held(superseded) + is_held,
        standing=(*standing, Standing(run, decision.place)),
    )


def _held(runs: Iterable[Standing]) -> int:
    return sum(each.place == "held" for each in runs)


def reopened(asked: Reopening, decision: Decision) -> Append:
    """The append of a run that goes on, with what that changes in its row."""
    state: Literal["running", "queued"] = "running" if decision.verdict == "running" else "queued"
    return msgspec.structs.replace(asked.append, change=RunChange(state=state), waiting=False)
