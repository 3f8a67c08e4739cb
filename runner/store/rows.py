"""
Rows of the database as the values of `runner.ports`.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from runner.errors import StoreFormatError
from runner.events import Parent
from runner.ports import Claimed, RunRow
from runner.store.journal import journal_row


def run_row(row: Sequence[Any]) -> RunRow:
    """A row of the columns that `row` names in lookups.sql: those of `RunRow`, in its order."""
    run = dict(zip(RunRow.__struct_fields__, row, strict=True))
    return RunRow(**{**run, "waiting": bool(run["waiting"]), "was_queued": bool(run["was_queued"])})


def claimed(row: Sequence[Any], only: Sequence[Any] | None = None) -> Claimed:
    """
    A row of `id, workflow, revision, parent, parent_place, parent_depth, waiting`; `only` is its only append.

    One that is none of this version's is left out: whoever reads the journal says so.
    """
    run, workflow, revision, parent, place, depth, waiting = row
    caller = None if parent is None else Parent(parent, place, depth)
    first = None
    if only is not None:
        with suppress(StoreFormatError):
            first = journal_row(run, *only)
    return Claimed(run, workflow, revision, caller, bool(waiting), first)
