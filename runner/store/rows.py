"""
Rows of the database as the values of `runner.ports`.
"""

from collections.abc import Sequence
from typing import Any

from runner.events import Parent
from runner.ports import Claimed, RunRow


def run_row(row: Sequence[Any]) -> RunRow:
    """A row of the columns that `row` names in lookups.sql: those of `RunRow`, in its order."""
    run = dict(zip(RunRow.__struct_fields__, row, strict=True))
    return RunRow(**{**run, "waiting": bool(run["waiting"])})


def claimed(row: Sequence[Any]) -> Claimed:
    """A row of `id, workflow, revision, parent, parent_place, parent_depth, waiting`."""
    run, workflow, revision, parent, place, depth, waiting = row
    return Claimed(run, workflow, revision, None if parent is None else Parent(parent, place, depth), bool(waiting))
