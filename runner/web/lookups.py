"""
What people ask a store about its runs: a list, one run with its timeline.

The control socket answers with it, and so does the command line on a store that no daemon runs on: same documents.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, get_args

from runner.definitions.model import Workflow
from runner.errors import RefusedError, StoreError, UsageError
from runner.events import RunState
from runner.ports import Due, JournalRow, Queued, RunFilter, RunRow
from runner.web.documents import action_documents, ended_document, run_document, stored_json
from runner.web.timeline import Timeline

MOST_LISTED = 1000


class Records(Protocol):
    """The part of a store that reads; `runner.ports.Store` says what each gives."""

    async def find(self, wanted: RunFilter) -> Sequence[RunRow]:
        """Runs for a list."""

    async def get(self, run: str) -> RunRow | None:
        """One run."""

    async def definition(self, revision: str) -> Workflow:
        """A revision."""

    async def read(self, run: str) -> Sequence[JournalRow]:
        """A journal."""

    async def blob(self, run: str, number: int) -> bytes:
        """A value that was too big for its row."""


class SearchableRecords(Records, Protocol):
    """The same of a store that a daemon runs on: what a search through all runs needs besides."""

    async def read(self, run: str, *, after: int = 0, most: int | None = None) -> Sequence[JournalRow]:
        """A part of a journal."""

    async def horizon(self, before: str | None, runs: int) -> str | None:
        """The run so many older."""

    async def asking(self, most: int, after: tuple[str, str] = ("", "")) -> Sequence[Due]:
        """Places that wait for an answer."""

    async def queued(self, runs: Sequence[str]) -> Mapping[str, Queued]:
        """Why runs wait."""


def run_filter(*, workflow: str | None, states: Iterable[str], limit: int, before: str | None = None) -> RunFilter:
    """
    `waiting` beside the states of a run means those that only wait.

    Raises UsageError for a state that does not exist or a limit out of bounds.
    """
    known: tuple[RunState, ...] = get_args(RunState)
    given = set(states)
    if unknown := [state for state in states if state not in {*known, "waiting"}]:
        raise UsageError(f"state: expected one of {', '.join(known)} or waiting, found {unknown[0][:40]!r}")
    if "waiting" in given and len(given) > 1:
        raise UsageError("state: waiting stands alone, it is part of running")
    waiting = True if "waiting" in given else None
    wanted = tuple(state for state in known if state in given) if waiting is None else ("running",)
    if not 1 <= limit <= MOST_LISTED:
        raise UsageError(f"limit: expected a number from 1 to {MOST_LISTED}")
    return RunFilter(workflow=workflow, states=wanted, waiting=waiting, limit=limit, before=before)


async def list_runs(records: Records, wanted: RunFilter) -> list[dict[str, Any]]:
    """Newest first. Raises StoreError."""
    return [run_document(row) for row in await records.find(wanted)]


async def show_run(records: Records, run: str) -> dict[str, Any]:
    """
    One run, by its id or by an unambiguous prefix of it: its row, inputs, and each action of it.

    Raises RefusedError (`unknown`), StoreError.
    """
    row = await records.get(run)
    if row is None:
        raise RefusedError(
            f"there is no run {run[:40]!r}: expected an id, or at least 6 characters of one", reason="unknown"
        )
    try:
        workflow = await records.definition(row.revision)
    except StoreError:
        workflow = None
    timeline = Timeline(workflow)
    for entry in await records.read(row.id):
        for event in entry.events:
            timeline.apply(event)
    accepted = timeline.accepted
    document = await ended_document(row, timeline.ended, records)
    document["recoveries"] = timeline.recoveries
    document["inputs"] = await stored_json(accepted.inputs if accepted else None, row.id, records)
    document["actions"] = await action_documents(timeline, row.id, records)
    return document
