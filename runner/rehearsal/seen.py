"""
What became of a run, place by place, as its journal tells it: of a rehearsal and of the run that it was recorded from.

    JournalRow … ──seen()──► Rehearsed(state, output, error, {place: Seen})

Times, ids and the order of what went on side by side are not part of it, so that two runs of one course are equal.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from runner.events import AnyEvent, Ended, Expanded, Finished, Parked, Settled, Started, Stored


class Blobs(Protocol):
    """Where values lie that were too big for a row of the journal."""

    async def blob(self, run: str, number: int) -> bytes:
        """Its masked JSON."""


class Journals(Protocol):
    """Where journals are read."""

    async def read(self, run: str) -> Any:
        """The rows of one."""


class Seen(msgspec.Struct, kw_only=True):
    """
    A place. `course` tells each thing that happened there in one word or two; `value` is masked JSON.

    `sent` is the config of its first attempt, None where an executor was not asked.
    """

    state: str = "running"
    attempts: int = 0
    value: Any = None
    error: str | None = None
    sent: Any = None
    course: list[str] = []


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has ended, or that waits for what nobody says. `missing` are answers that the case does not have."""

    state: str
    output: Any
    error: str | None
    actions: dict[str, Seen]
    missing: tuple[str, ...] = ()


async def journal_of(store: Journals, run: str) -> list[AnyEvent]:
    """All events of a run. Raises StoreError."""
    return [event for row in await store.read(run) for event in row.events]


async def seen(events: Iterable[AnyEvent], blobs: Blobs, run: str, sent: Mapping[str, Any]) -> Rehearsed:
    """Fold a journal. Raises StoreError."""
    actions: dict[str, Seen] = {}
    ended: Ended | None = None
    for event in events:
        match event:
            case Started() | Finished() | Settled() | Expanded() | Parked():
                found = actions.setdefault(event.place, Seen(course=[], sent=sent.get(event.place)))
                _apply(found, event)
                stored = getattr(event, "value", None)
                if stored is not None and getattr(event, "page", None) is None:
                    found.value = await plain(stored, run, blobs)
            case Ended():
                ended = event
    return Rehearsed(
        state=ended.state if ended else "running",
        output=await plain(ended.output, run, blobs) if ended else None,
        error=ended.error.message if ended and ended.error else None,
        actions=actions,
    )


async def plain(stored: Stored | None, run: str, blobs: Blobs) -> Any:
    """A journaled value as masked JSON, decoded. Raises StoreError."""
    if stored is None or (stored.blob is None and stored.json is None):
        return None
    data = bytes(stored.json or b"null") if stored.blob is None else await blobs.blob(run, stored.blob)
    return msgspec.json.decode(data)


def _apply(found: Seen, event: Started | Finished | Settled | Expanded | Parked) -> None:
    match event:
        case Started():
            found.attempts += 1
            found.state = "running"
            found.course.append("started")
        case Finished():
            kind = f" ({event.error.type})" if event.error else ""
            found.course.append(f"{event.outcome}{kind}")
            found.error = event.error.message if event.error else None
            found.state = "failed" if event.outcome == "interrupted" else event.outcome
        case Settled(page=None):
            found.course.append(event.state)
            found.error = event.error.message if event.error else None
            found.state = event.state
        case Expanded():
            found.course.append(f"{event.count} items")
        case Parked(answer=None):
            found.course.append("waits")
        case Parked():
            found.course.append("answered")
