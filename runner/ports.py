"""
All seams of Runner on one page, as protocols: who needs what from whom, one reason to change each.

    engine ──► Executor      carries out actions of one type            runner.executors
           ──► Journal       a run's events, appended under a fence     runner.store
           ──► Runs          admission, claims, lookups, wake-ups       runner.store
           ──► Firings       schedules, pauses, ends of runs            runner.store
           ──► SecretSource  what `$secret` and `$env` resolve to       runner.secrets
           ──► Sealer        a value kept for later under a run's key   runner.secrets
           ──► EventSink     live news for whoever watches              runner.daemon
    vault  ──► VaultRows     its rows, whatever file they lie in        runner.secrets
    daemon ──► VaultNotes    how far the vault was seen                 runner.store
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from runner.definitions.model import Workflow
from runner.definitions.specs import WrittenConfig
from runner.errors import Problem
from runner.events import About, AnyEvent, Ended
from runner.exchanged import Call, ExecutorLimits, Result, Token, TokenCache
from runner.marks import VaultMark, VaultNotes
from runner.records import (
    Admission,
    Admitted,
    Append,
    Blob,
    Claimed,
    Due,
    Durable,
    Ending,
    Firing,
    FiringRow,
    JournalRow,
    Last,
    Park,
    Paused,
    Queued,
    Reopening,
    RunChange,
    RunFilter,
    RunRow,
    Sizes,
    Swept,
)

__all__ = [
    "ActionType", "Admission", "Admitted", "Append", "Blob", "Call", "Claimed", "ConfigCheck", "Due", "Durable",
    "Ending", "EventSink", "Executor", "ExecutorLimits", "Firing", "FiringRow", "Firings", "Journal", "JournalRow",
    "Last", "OpenExecutor", "Park", "Paused", "Queued", "Redactor", "Reopening", "Result", "RunChange", "RunFilter",
    "RunRow", "Runs", "Sealer", "SecretSource", "Sizes", "Store", "Swept", "Token", "TokenCache", "Upkeep",
    "VaultMark", "VaultNotes", "WrittenConfig",
]  # fmt: skip


class Executor(Protocol):
    """Carries out attempts of one type. Raises `TemporaryError` or `PermanentError` and nothing else on purpose."""

    async def execute(self, config: Any, call: Call) -> Result:
        """One attempt. `config` is an instance of the type's `config` model, secrets still wrapped."""


class ActionType(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a package brings for one `type`: the model of its `config`, checks at load, and how to open its executor.

    `check` yields problems whose `path` is the key path below `config` (`queries[0]`), `line` and `column` counting
    from the leaf's own text (1:1 is its start). `open` is an async context manager; it lives as long as the daemon.
    """

    name: str
    config: type[msgspec.Struct]
    check: "ConfigCheck"
    open: "OpenExecutor"
    safe: bool = False
    """True where an attempt changes nothing outside, whatever its config."""


class ConfigCheck(Protocol):
    """Checks at load that a model cannot express."""

    def __call__(self, config: WrittenConfig) -> Iterable[Problem]:
        """Yield what is wrong."""


class OpenExecutor(Protocol):
    """Opens an executor."""

    def __call__(self, limits: ExecutorLimits) -> AbstractAsyncContextManager[Executor]:
        """Pools and clients live inside the block."""


class Journal(Protocol):
    """The append-only record of each run."""

    def append(self, append: Append) -> Durable:
        """Hand over and return at once; the promise is kept when it is on disk, or fails with a `StoreError`."""

    async def read(self, run: str, *, after: int = 0, most: int | None = None) -> Sequence[JournalRow]:
        """The run's journal in order, behind the append numbered `after`, at most so many appends of it."""

    async def end(self, run: str) -> Ended | None:
        """How the run ended; None where it has not. Raises StoreError."""

    async def last_seq(self, run: str) -> int:
        """The number of the run's last append, decodable or not; 0: none."""

    async def blob(self, run: str, number: int) -> bytes:
        """A value that was too big for its row. Raises StoreError."""


class Runs(Protocol):
    """Admission, claims and lookups. All of them see what was appended before."""

    async def admit(self, admission: Admission) -> Admitted:
        """Accept a run, durably; limits and deduplication are counted in the store (design §7)."""

    async def reopen(self, reopening: Reopening) -> Admitted:
        """Let an ended run go on, durably, as its limit lets it. Raises RefusedError (`unknown`, `live`)."""

    async def claim(self, boot: int, most: int) -> Sequence[Claimed]:
        """Take up to `most` queued runs that their limits let go, oldest first, and mark them running."""

    async def definition(self, revision: str) -> Workflow:
        """The revision that a run pins. Raises StoreError."""

    async def last(self, workflow: str) -> Last:
        """What `$last` and `$run.failures` mean for a run that starts now."""

    async def find(self, wanted: RunFilter) -> Sequence[RunRow]:
        """Runs for a list."""

    async def get(self, run: str) -> RunRow | None:
        """One run; an unambiguous prefix of at least 6 characters does."""

    async def live(self, *, after: str = "", most: int | None = None) -> Sequence[Claimed]:
        """Runs that are neither queued nor ended, oldest first, those after `after`: what a start recovers."""

    async def due(self, before: float, most: int) -> Sequence[Due]:
        """Parked places whose `due` is not after `before`, earliest first."""

    async def superseded(self) -> Sequence[str]:
        """Runs that are to be cancelled since newer ones have come (`Admitted.cancel`), and have not ended yet."""

    async def asking(self, most: int, after: tuple[str, str] = ("", "")) -> Sequence[Due]:
        """
        Up to `most` parked places that wait for an answer, those of the oldest runs first.

        Only those behind the run and place `after`.
        """

    async def horizon(self, before: str | None, runs: int) -> str | None:
        """The id of the run so many older than `before`, or than the newest; None where there are not so many."""

    async def queued(self, runs: Sequence[str]) -> Mapping[str, Queued]:
        """Why those of these runs that are queued wait, by id."""

    async def counts(self) -> Mapping[str, int]:
        """Runs by state."""


class Upkeep(Protocol):
    """How a store stays small. A call is a slice: 5 ms of the writer's time at most. They raise StoreDegradedError."""

    async def sweep(self, before: float, after: str = "") -> Swept:
        """Delete runs that ended before `before`; not `$last`, nor children whose parents are not past it."""

    async def forget(self, now: float) -> bool:
        """Drop sealed values of succeeded runs, dedupe keys whose time is over; whether more of it waits."""

    async def shrink(self) -> int:
        """Give free space back to the file system: how many bytes, 0 where none is left worth giving."""

    async def sizes(self) -> Sizes:
        """What the store takes of the disk."""


class Firings(Protocol):
    """What schedules and `run` triggers remember. Work raises StoreDegradedError while the disk refuses."""

    async def marks(self) -> Mapping[tuple[str, str], float]:
        """How far each schedule (workflow, trigger) was decided: what is scheduled later is still to be made."""

    async def begin(self, firing: Firing) -> None:
        """A schedule that was not known begins: nothing up to this time is to be made."""

    async def record(self, row: FiringRow) -> None:
        """A scheduled time that started no run is decided."""

    async def recent(self, workflows: Sequence[str], most: int) -> Sequence[FiringRow]:
        """What became of the last firings of each schedule of these workflows, newest first."""

    async def pause(self, workflow: str, by: str) -> None:
        """Its triggers fire no more, until `resume`."""

    async def resume(self, workflow: str) -> None:
        """Its triggers fire again."""

    async def paused(self) -> Mapping[str, Paused]:
        """Workflows whose triggers are paused, by name."""

    def watch_endings(self, *, watched: bool) -> None:
        """Whether ends of runs are kept from now on, in the transaction of the end."""

    async def endings(self, most: int) -> Sequence[Ending]:
        """Kept ends, oldest first."""

    async def forget(self, number: int) -> None:
        """All ends up to this one were told."""


class Store(Journal, Runs, Upkeep, Protocol):
    """What a store is to those who put things together. `restored_at`: since when it stands for another (`restore`)."""

    boot: int
    """The fencing token of this opening: grows by one each time."""
    restored_at: float | None

    @property
    def firings(self) -> Firings:
        """Schedules, and ends that `run` triggers wait for."""

    @property
    def vault_notes(self) -> VaultNotes:
        """How far the vault was seen."""

    @property
    def degraded(self) -> bool:
        """The disk refuses to write: nothing new starts."""


class SecretSource(Protocol):
    """Where `$secret.NAME` comes from."""

    async def resolve(self, names: frozenset[str], workflow: str) -> Mapping[str, str]:
        """All of `names`, for a run of `workflow`. Raises SecretMissingError, SecretRefusedError, which name it."""


class Sealer(Protocol):
    """Keeps a value for later under a key that belongs to the run."""

    def seal(self, run: str, data: bytes) -> bytes:
        """Authenticated encryption bound to the run."""

    def open(self, run: str, data: bytes) -> bytes:
        """What was sealed. Raises SecretError where the key is another's or the bytes were changed."""

    def idempotency_key(self, *parts: str) -> str:
        """An HMAC over the parts under a key of this installation: 32 hexadecimal digits."""


class Redactor(Protocol):
    """Masks what is secret in what Runner writes."""

    def text(self, text: str) -> str:
        """The text with every known secret, in every known form, as `[secret NAME]`."""

    def value(self, value: Any) -> Any:
        """A JSON value with its leaves and keys so treated; the same object where nothing was found."""


class EventSink(Protocol):
    """Live news of runs, for a terminal or a browser; losing it loses nothing."""

    def publish(self, run: str, workflow: str, event: AnyEvent, about: About) -> None:
        """Never waits, never raises."""
