"""
What a run says of itself in expressions: `$run.NAME` and `$action.ID.error`; and what it was given.

Pure readings of the state for `runner.engine.context`; everything in them was masked before it became part of it.
"""

from typing import Any

from runner.clock import iso
from runner.engine.state import Run
from runner.events import Failure, Stored
from runner.expressions.labels import ABSENT, Absent, Labelled


def error_fields(error: Failure) -> dict[str, Any]:
    """What `$action.ID.error` shows."""
    return {"type": error.type, "message": error.message, "attempts": error.attempts, **error.facts}


def run_field(run: Run, name: str) -> Labelled | Absent:
    """What `$run.NAME` is; absent for what this run does not have."""
    accepted, root = run.accepted, run.root
    assert accepted is not None
    match name:
        case "id":
            return Labelled(run.id)
        case "workflow":
            return Labelled(accepted.workflow)
        case "started_at":
            return Labelled(iso(run.turn.at if run.turn is not None else accepted.at))
        case "attempt":
            return Labelled(run.generation)
        case "recoveries":
            return Labelled(run.recoveries)
        case "failures":
            return Labelled((run.turn or accepted).failures)
        case "error":
            return Labelled(root.error.message) if root.error else ABSENT
        case "failed_action":
            return Labelled(root.failed_action) if root.error else ABSENT
        case _:
            return ABSENT


def known_facts(workflow: str) -> dict[str, Any]:
    """What of `$run` is known before there is a run: its first attempt is looked ahead to."""
    return {"workflow": workflow, "attempt": 1, "recoveries": 0}


def fixed_values(run: Run) -> dict[str, Stored]:
    """What a run is given once and for all, by root."""
    accepted = run.accepted
    assert accepted is not None
    last = (run.turn or accepted).last
    values = {"input": accepted.inputs, "trigger": accepted.trigger}
    return values | ({"last": last} if last is not None else {})
