"""
Runs as JSON documents: what lists, `runs show` and the result of `runner run` are made of.

    RunRow ──run_document()──► {run, workflow, state, …}          Timeline ──action_documents()──► [{place, state, …}]

Everything in them comes from the masked journal. Times are ISO 8601 in UTC, durations seconds. Values pass as the bytes
that the journal has, so that no number loses a digit.
"""

from typing import Any, Final, Protocol

import msgspec

from runner.clock import iso
from runner.events import Ended, Failure, Stored
from runner.ports import RunRow
from runner.web.timeline import Attempt, Line, Timeline

_NULL: Final = msgspec.Raw(b"null")


class Blobs(Protocol):
    """Where values lie that were too big for a row of the journal."""

    async def blob(self, run: str, number: int) -> bytes:
        """Its masked JSON. Raises StoreError."""


def run_document(row: RunRow) -> dict[str, Any]:
    """A run's row for a list."""
    end = row.ended_at
    return {
        "run": row.id,
        "workflow": row.workflow,
        "state": row.state,
        "waiting": row.waiting,
        "accepted_at": iso(row.accepted_at),
        "started_at": _iso(row.started_at),
        "ended_at": _iso(end),
        "duration": _span(row.started_at or row.accepted_at, end),
        "trigger": row.trigger,
        "parent": row.parent,
        "revision": row.revision,
        "generation": row.generation,
        "stopped_by": row.stopped_by,
        "error": {"message": row.error, "action": row.failed_action or None} if row.error is not None else None,
        "output": msgspec.Raw(row.output) if row.output is not None else _NULL,
    }


def shown_state(row: RunRow) -> str:
    """A run's state as lists of them show it: `waiting`, where it runs but only waits."""
    return "waiting" if row.waiting and row.state == "running" else row.state


def lasted(row: RunRow, now: float) -> float | None:
    """The seconds that it has taken so far, or took; None before it has begun."""
    if row.state == "queued":
        return None
    return max(0.0, (now if row.ended_at is None else row.ended_at) - (row.started_at or row.accepted_at))


async def ended_document(row: RunRow, ended: Ended | None, blobs: Blobs) -> dict[str, Any]:
    """The same with the whole output and error, once the run has ended. Raises StoreError."""
    document = run_document(row)
    if ended is not None:
        document["output"] = await stored_json(ended.output, row.id, blobs)
        document["error"] = failure_document(ended.error)
    return document


def failure_document(failure: Failure | None) -> dict[str, Any] | None:
    """`{type, message, action, attempts, …}`."""
    if failure is None:
        return None
    action = failure.action or None
    return {"type": failure.type, "message": failure.message, "action": action, "attempts": failure.attempts} | (
        {"facts": failure.facts} if failure.facts else {}
    )


async def action_documents(timeline: Timeline, run: str, blobs: Blobs) -> list[dict[str, Any]]:
    """Every place of the run in the order in which they began. Raises StoreError."""
    return [await _action(line, timeline, run, blobs) for line in timeline.all_lines()]


async def stored_json(stored: Stored | None, run: str, blobs: Blobs) -> msgspec.Raw:
    """A value as masked JSON."""
    if stored is None:
        return _NULL
    if stored.blob is not None:
        return msgspec.Raw(await blobs.blob(run, stored.blob))
    return stored.json if stored.json is not None else _NULL


async def _action(line: Line, timeline: Timeline, run: str, blobs: Blobs) -> dict[str, Any]:
    document: dict[str, Any] = {
        "place": line.place,
        "type": line.type or None,
        "state": line.state,
        "started_at": _iso(line.started_at),
        "ended_at": _iso(line.ended_at),
        "duration": _span(line.started_at, line.ended_at),
        "attempts": [_attempt(attempt) for attempt in line.attempts],
        "until": _iso(line.until) if line.ended_at is None else None,
        "child": line.child,
        "asks": line.asks and line.state == "waiting",
        "error": failure_document(line.error),
        "value": await stored_json(line.value, run, blobs),
    }
    if line.items is not None:
        document["items"] = {state: count for state, count in timeline.item_counts(line.place).items() if count}
    return document


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "started_at": iso(attempt.started_at),
        "ended_at": _iso(attempt.ended_at),
        "outcome": attempt.outcome or None,
        "error": failure_document(attempt.error),
        "retry_at": _iso(attempt.retry_at),
    }


def _iso(wall: float | None) -> str | None:
    return iso(wall) if wall is not None else None


def _span(start: float | None, end: float | None) -> float | None:
    return round(max(0.0, end - start), 3) if start is not None and end is not None else None
