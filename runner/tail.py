"""
The journals of all runs as one: what a store reads back of them in the order that they were written in.
"""

import msgspec

from runner.events import AnyEvent


class TailRow(msgspec.Struct, frozen=True):
    """One append among those of all runs; `row` grows with each append of the store."""

    row: int
    run: str
    workflow: str
    events: tuple[AnyEvent, ...]
