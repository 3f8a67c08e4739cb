"""
The twelve events of a run's journal; everything else about a run is derived from them.

    accepted → started → finished → … → ended        one run, in order, by `runner.engine.evolve`

`runner.engine` makes them, the recorder redacts and encodes them, `runner.store` keeps them without looking inside, and
whoever shows a run folds them again. An action inside bodies that nest is named by its `place`:

    fetch                 an action of the file
    sites[3]              the fourth item of a `for_each`
    sites[3]/check        an action in the group's body for that item
    poll~2/ask            an action in the body of the group's second attempt

Times are wall time in seconds since 1970 UTC.
"""

from typing import Any, Final, Literal

import msgspec

from runner.errors import Effect

PhaseName = Literal["main", "on_failure", "finally"]
ActionState = Literal["pending", "running", "waiting", "succeeded", "failed", "skipped", "cancelled"]
RunState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
CancelReason = Literal["person", "timeout", "newer", "parent"]

FORMAT: Final = 1


class Stored(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    A value as the journal has it: masked, with what is needed to use the real one.

    `json` is the masked value unless it was too big for a row, then `blob` numbers its row in the blob table. Where
    masking changed it and it may be needed again, `sealed` holds the real value under the run's key; empty bytes stand
    for one that was deleted. `labels` are the paths that carry secrets' names.
    """

    json: msgspec.Raw | None = None
    blob: int | None = None
    sealed: bytes | None = None
    labels: tuple[tuple[tuple[str | int, ...], tuple[str, ...]], ...] = ()


# msgspec decodes `Raw | None` as null and nothing else. By `Raw` it takes any value, and an absent key is None still.
Stored.__annotations__["json"] = msgspec.Raw


class Failure(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    Why an attempt, an action or a run failed; what `$action.ID.error` shows. Masked before it is made.

    `temporary`: trying again may help, so the `retry` of a group around it counts; not where nobody knows its effect,
    since a group's next attempt has new keys.
    """

    type: str
    message: str
    attempts: int = 1
    action: str = ""
    facts: dict[str, Any] = {}
    temporary: bool = False


class Parent(msgspec.Struct, frozen=True):
    """The action that started a child run, and how deep it stands (a child of a person's run: 1)."""

    run: str
    place: str
    depth: int


class Event(msgspec.Struct, frozen=True, tag_field="e", omit_defaults=True, gc=False):
    """What they all are."""


class Accepted(Event, frozen=True, tag="accepted"):
    """
    The run exists. `last` is the run that `$last` means; `failures` the failed runs in a row before this one.

    `answers` is the index of the trigger whose `response` is made at the end, where somebody may wait for it.
    """

    at: float
    workflow: str
    revision: str
    inputs: Stored
    trigger: Stored
    key: str | None = None
    parent: Parent | None = None
    deadline: float | None = None
    last: Stored | None = None
    failures: int = 0
    answers: int | None = None


class Turn(Event, frozen=True, tag="turn"):
    """A run that was accepted as queued starts: what it is given when it starts, in place of what `Accepted` says."""

    at: float
    deadline: float | None = None
    last: Stored | None = None
    failures: int = 0


class Started(Event, frozen=True, tag="started"):
    """An attempt began. `at` is also what `now()` gives in it."""

    at: float
    place: str
    attempt: int
    generation: int = 1


class Finished(Event, frozen=True, tag="finished"):
    """An attempt ended. `retry_at` says when the next one begins, where there is one."""

    at: float
    place: str
    attempt: int
    outcome: Literal["succeeded", "failed", "cancelled", "interrupted"]
    generation: int = 1
    effect: Effect = "none"
    value: Stored | None = None
    error: Failure | None = None
    retry_at: float | None = None

    @property
    def ends_action(self) -> bool:
        """Whether the action ended with it: no other attempt follows, not even after a restart of the daemon."""
        return self.retry_at is None and self.outcome != "interrupted"


class Expanded(Event, frozen=True, tag="expanded"):
    """A `for_each` read its list."""

    at: float
    place: str
    items: Stored
    count: int


class Settled(Event, frozen=True, tag="settled"):
    """
    An action ended without an attempt of its own: a skip, a `set`, the join of a `for_each`.

    With `page` it did not end: that page of its answer (the first is 0) need not be fetched again.
    """

    at: float
    place: str
    state: Literal["succeeded", "failed", "skipped", "cancelled"]
    value: Stored | None = None
    error: Failure | None = None
    stops: Literal["succeeded", "failed"] | None = None
    response: Stored | None = None
    page: int | None = None


class Parked(Event, frozen=True, tag="parked"):
    """
    An action waits without holding anything: until a time, for a child run or for a callback.

    `callback` is the generation whose address is meant. With `answer` nothing begins to wait: that is what somebody
    answered, `by` whatever way, which may be before the action waits.
    """

    at: float
    place: str
    until: float | None = None
    child: str | None = None
    callback: str | None = None
    answer: Stored | None = None
    by: str = ""


class Cancelling(Event, frozen=True, tag="cancelling"):
    """
    A body is to end: nothing of its phase begins after this. The empty `scope` is the file's own body, and so the run.

    `message` says which time was over, where `why` is `timeout`.
    """

    at: float
    why: CancelReason
    by: str = ""
    scope: str = ""
    message: str = ""


class Phase(Event, frozen=True, tag="phase"):
    """A body goes on to its next phase. `scope` is the place of the group's attempt, empty for the file's own body."""

    at: float
    scope: str
    phase: PhaseName
    deadline: float | None = None


class Ended(Event, frozen=True, tag="ended"):
    """The run ended; nothing follows but `Rerun`."""

    at: float
    state: Literal["succeeded", "failed", "cancelled"]
    output: Stored | None = None
    error: Failure | None = None
    stopped_by: str = ""
    response: Stored | None = None


class Recovered(Event, frozen=True, tag="recovered"):
    """A start of the daemon found the run unfinished and goes on with it."""

    at: float
    boot: int
    clean: bool = False


class Rerun(Event, frozen=True, tag="rerun"):
    """
    An ended run goes on, as `generation`, from the action `place` or from its first unfinished one.

    `again` are places that were finished and are repeated, since their values are needed and are there no more.
    """

    at: float
    generation: int
    place: str = ""
    by: str = ""
    again: tuple[str, ...] = ()


class About(msgspec.Struct, frozen=True):
    """
    What the run knows of an event that is not in it, for those who watch without the journal.

    `type` is that of the event's action, empty for the run's own. `since`: when began what the event ends, the attempt
    or the run, which may be 0 where it never did. `generation` is the run's.
    """

    type: str = ""
    since: float = 0.0
    generation: int = 1


AnyEvent = (
    Accepted | Turn | Started | Finished | Expanded | Settled | Parked | Cancelling | Phase | Ended | Recovered | Rerun
)

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(tuple[AnyEvent, ...])


def encode(events: tuple[AnyEvent, ...]) -> bytes:
    """One append's events as a JSON list."""
    return _ENCODER.encode(events)


def decode(data: bytes) -> tuple[AnyEvent, ...]:
    """What `encode` wrote. Raises `msgspec.ValidationError` for anything else."""
    return _DECODER.decode(data)
