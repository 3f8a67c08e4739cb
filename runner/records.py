"""
The values that cross the seam between the engine and a store, and those that lists of runs are made of.

    engine ──Admission, Append──► Store ──JournalRow, Claimed, Due──► engine          Store ──RunRow──► lists, pages

Frozen values, and the promise that an append is kept, beside `runner.ports`, which names them; what they mean to a run
stands in `runner.events`.
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any, Literal, Protocol

import msgspec

from runner.events import AnyEvent, Parent, RunState, Stored


class Blob(msgspec.Struct, frozen=True):
    """A value too big for its row."""

    number: int
    data: bytes


class RunChange(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an append changes in the run's row, a cache of its journal.

    `output` is the masked JSON for lists, absent where it is too big for a row.
    """

    state: RunState
    ended_at: float | None = None
    output: bytes | None = None
    error: str | None = None
    failed_action: str | None = None
    stopped_by: str | None = None


class Park(msgspec.Struct, frozen=True):
    """A wake-up as a row, unique by run and place. `due` in wall time; None for a signal (`child`, `callback`)."""

    place: str
    due: float | None
    child: str | None = None
    callback: str | None = None


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """
    One indivisible append to a run's journal, already encoded by the run that made it.

    Refused (`StoreFencedError`) when `seq` is taken or `boot` is not the store's current one, and after a refused one.
    `waiting` says whether the run only waits from now on (`RunRow.waiting`); None leaves it as it is.
    """

    run: str
    boot: int
    seq: int
    at: float
    events: bytes
    blobs: tuple[Blob, ...] = ()
    change: RunChange | None = None
    parks: tuple[Park, ...] = ()
    unparks: tuple[str, ...] = ()
    waiting: bool | None = None


class Durable(Protocol):
    """
    The promise that an append is on disk; belongs to the event loop that made it and is used on that loop alone.

    Awaiting it returns None, or raises its `StoreError`. Any number may await it; one that is cancelled leaves it be.
    """

    def done(self) -> bool:
        """Whether it is on disk or has failed."""

    def result(self) -> None:
        """Nothing, once it is on disk. Raises its StoreError; `asyncio.InvalidStateError` where it is not done."""

    def exception(self) -> Exception | None:
        """The error that it failed with; None while it is not done and when it is on disk."""

    def add_done_callback(self, callback: Callable[["Durable"], object]) -> None:
        """Call `callback` on the loop when it is done; at once where it is done already."""

    def __await__(self) -> Generator[Any, None, None]:
        """Wait until it is done."""


class JournalRow(msgspec.Struct, frozen=True):
    """One append as it was read back."""

    seq: int
    boot: int
    at: float
    events: tuple[AnyEvent, ...]


class Firing(msgspec.Struct, frozen=True):
    """A scheduled time of one trigger: unique, whatever the clock does. `trigger` is the trigger's identity."""

    workflow: str
    trigger: str
    scheduled_at: float


class FiringRow(msgspec.Struct, frozen=True):
    """
    What became of a firing, decided at `at`. `missed`: `count` times up to this one were not made (`catch_up`).
    """

    workflow: str
    trigger: str
    scheduled_at: float
    at: float
    outcome: Literal["fired", "ignored", "refused", "missed"]
    run: str | None = None
    message: str = ""
    count: int = 1


class Paused(msgspec.Struct, frozen=True):
    """Since when a workflow's triggers are paused, and by whom."""

    at: float
    by: str


class Ending(msgspec.Struct, frozen=True):
    """
    A run that ended, for `run` triggers. `failures`: failed runs of the workflow in a row before it.
    """

    number: int
    run: str
    workflow: str
    state: str
    failures: int


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """A run that asks to be accepted. `first` is its first append (seq 1, with `Accepted`)."""

    run: str
    workflow: str
    revision: str
    definition: bytes
    """The revision's JSON; kept once a revision."""
    first: Append
    trigger: str = "hand"
    labels: Mapping[str, str] = {}
    parent: Parent | None = None
    key: str | None = None
    """Concurrency key; `limit`, `max_queued` and `when_full` count for (workflow, key)."""
    limit: int | None = None
    max_queued: int = 100
    when_full: Literal["queue", "skip", "cancel_running"] = "queue"
    dedupe: str | None = None
    dedupe_until: float | None = None
    firing: Firing | None = None
    """The firing of a schedule that starts the run: recorded with it, and a duplicate where it was decided before."""
    start: bool = True
    """False: admit as queued whatever room there is (the dispatcher has no free slot)."""


class Reopening(msgspec.Struct, frozen=True, kw_only=True):
    """
    An ended run that asks to go on, as `generation`. `append` holds its `Rerun`; the store adds the change of its row.

    The limit is the one that the run was accepted under; `max_queued`, `when_full` and `start` as for an `Admission`.
    """

    append: Append
    generation: int = 2
    max_queued: int = 100
    when_full: Literal["queue", "skip", "cancel_running"] = "queue"
    start: bool = True


class Admitted(msgspec.Struct, frozen=True):
    """
    What became of an admission. `run` is the first run's id for a duplicate; `cancel` names the runs that it supersedes
    (`cancel_running`): they are to be cancelled.
    """

    verdict: Literal["running", "queued", "duplicate", "skipped", "full"]
    run: str
    cancel: tuple[str, ...] = ()


class Claimed(msgspec.Struct, frozen=True):
    """
    A run that this boot now executes: fold its journal and go on. `waiting`: it only waited when it was last written.

    `only`, from a claim, is its whole journal where that is a single append: such a run need not be read.
    """

    run: str
    workflow: str
    revision: str
    parent: Parent | None
    waiting: bool = False
    only: JournalRow | None = None


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run as lists show it. Times in wall seconds; `output` is masked JSON; `was_queued`: when it was accepted."""

    id: str
    workflow: str
    revision: str
    state: RunState
    accepted_at: float
    started_at: float | None = None
    ended_at: float | None = None
    trigger: str = "hand"
    parent: str | None = None
    output: bytes | None = None
    error: str | None = None
    failed_action: str | None = None
    stopped_by: str | None = None
    waiting: bool = False
    generation: int = 1
    was_queued: bool = False


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs; newest first. `before` is the cursor: the id of the last run of the page before."""

    workflow: str | None = None
    states: tuple[RunState, ...] = ()
    parent: str | None = None
    waiting: bool | None = None
    """Only runs that only wait, or only those that do not."""
    before: str | None = None
    since: str | None = None
    """Only runs whose id is not below this one: ids tell when a run, or the topmost of its parents, was accepted."""
    trigger: str | None = None
    label: str | None = None
    """`NAME=VALUE`, or `NAME` whatever its value, among the labels of its workflow."""
    text: str | None = None
    """In its id, workflow, failed action or error, whatever the case of ASCII letters."""
    limit: int = 50


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """Why a queued run waits, and behind how many: `held` by its workflow's `limit` for this `key`, else for a slot."""

    held: bool
    ahead: int
    limit: int | None = None
    key: str = ""


class Last(msgspec.Struct, frozen=True):
    """The last succeeded run of a workflow, and the failed ones in a row since."""

    run: str | None
    started_at: float | None
    output: Stored | None
    failures: int


class Due(msgspec.Struct, frozen=True):
    """A parked place, and when it is due (wall time; None: when a signal comes)."""

    run: str
    place: str
    due: float | None = None


class Swept(msgspec.Struct, frozen=True):
    """What one slice of retention did: runs that are gone, and where the next slice goes on; None: it is through."""

    runs: int
    after: str | None


class Sizes(msgspec.Struct, frozen=True):
    """Bytes on disk: the file, its WAL, and what of the file is free. `waiting`: appends that are not on disk yet."""

    file: int
    wal: int
    free: int
    waiting: int
