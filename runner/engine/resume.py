"""
Bring a run from its journal back into memory: a fold.

    JournalRow … ──fold()──► Run        what was under way at the cut ◄──in_flight()── Run

`runner.engine.dispatcher` calls it for a run that was queued, waited, or was cut off by the end of the process.
Nothing is remembered from before but the journal, so a resumed run is what the disk says it is.
"""

from collections.abc import Sequence

from runner.engine.evolve import evolve
from runner.engine.plan import FLOW_TYPES, Plan
from runner.engine.state import Node, Run
from runner.errors import StoreFormatError
from runner.ports import JournalRow


def fold(run: str, plan: Plan, rows: Sequence[JournalRow]) -> Run:
    """
    The run as its journal has it. Raises StoreFormatError for an empty journal, IllegalEventError for a broken one.
    """
    if not rows:
        raise StoreFormatError(f"run {run} has no journal")
    state = Run(run, plan)
    for row in rows:
        for event in row.events:
            evolve(state, event)
    return state


def in_flight(run: Run) -> list[Node]:
    """The attempts whose start is on disk and whose end is not: what they had done, nobody knows."""
    return [
        node
        for node in run.nodes.values()
        if node.state == "running" and node.items is None and node.group is None and node.plan.type not in FLOW_TYPES
    ]
