"""
The memory store's retention: the rules of `runner.store.retention` over dictionaries, in one slice each.

    sweep ──► runs past retention, and revisions that no run names        forget ──► sealed values, keys past their time

Called by `runner.store.memory`; the contract suite holds both to the same answers.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from runner.ports import Append, Swept
from runner.store.bounds import ENDED, SCHEDULE_SECONDS
from runner.store.journal import holds_sealed, without_sealed
from runner.store.retention import SEALED_SECONDS
from runner.store.tables import Entry, Tables

_LIVE: Final = float("inf")


def sweep(tables: Tables, before: float, after: str) -> Swept:
    """Delete what ended before `before` among the runs after `after`."""
    gone = [run for run, entry in tables.runs.items() if run > after and _goes(tables, entry, before)]
    for run in sorted(gone):
        entry = tables.runs.pop(run)
        del tables.journal[run]
        tables.blobs = {at: data for at, data in tables.blobs.items() if at[0] != run}
        tables.parked = {at: park for at, park in tables.parked.items() if at[0] != run}
        if all(other.row.revision != entry.row.revision for other in tables.runs.values()):
            del tables.revisions[entry.row.revision]
    return Swept(len(gone), None)


def _goes(tables: Tables, entry: Entry, before: float) -> bool:
    row = entry.row
    parent = tables.runs.get(row.parent) if row.parent is not None else None
    return (
        row.state in ENDED
        and _ended_at(entry) < before
        and tables.last.get(row.workflow) != row.id
        and (parent is None or _ended_at(parent) < before)
    )


def _ended_at(entry: Entry) -> float:
    return _LIVE if entry.row.ended_at is None else entry.row.ended_at


def forget(tables: Tables, now: float) -> bool:
    """Drop keys and schedules whose time is over, and sealed values that nobody asks for any more."""
    tables.firings.forget(now - SCHEDULE_SECONDS)
    tables.dedupe = {at: kept for at, kept in tables.dedupe.items() if kept[1] is None or kept[1] > now}
    for run, entry in tables.runs.items():
        if entry.row.state == "succeeded" and _ended_at(entry) <= now - SEALED_SECONDS:
            parent = tables.runs.get(entry.row.parent) if entry.row.parent is not None else None
            is_needed = tables.last.get(entry.row.workflow) == run or (
                parent is not None and _ended_at(parent) == _LIVE
            )
            tables.journal[run] = _unsealed(run, tables.journal[run], end_too=not is_needed)
    return False


def _unsealed(run: str, journal: Mapping[int, Append], *, end_too: bool) -> dict[int, Append]:
    return {
        seq: msgspec.structs.replace(append, events=without_sealed(run, seq, append.events, end_too=end_too))
        if holds_sealed(append.events)
        else append
        for seq, append in journal.items()
    }
