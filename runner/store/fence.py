"""
Why an append is refused, said the same by both stores; and what cannot be read.

A refused append leaves a hole in what its run believes: the same store refuses every later append of that run too.
"""

import sqlite3

from runner.errors import RefusedError, StoreError, StoreFencedError, StoreReadError


def old_boot(who: str, boot: int, current: int) -> StoreFencedError:
    """The process that appends no longer owns the store."""
    return StoreFencedError(f"{who}: boot {boot} no longer owns this store, boot {current} does")


def taken(run: str, seq: int) -> StoreFencedError:
    """Somebody else has appended there."""
    return StoreFencedError(f"run {run}: seq {seq} of its journal is taken")


def after_refused(run: str, seq: int) -> StoreFencedError:
    """An append that this one follows is not in the journal."""
    return StoreFencedError(f"run {run}: an append before seq {seq} was refused")


def no_such_run(run: str) -> StoreError:
    """Nothing was accepted under that id."""
    return StoreError(f"run {run}: there is no such run to append to")


def unread(error: sqlite3.Error) -> StoreReadError:
    """SQLite did not give what was asked for. Its code says why, its text could hold what was looked for."""
    return StoreReadError(f"the store cannot be read ({getattr(error, 'sqlite_errorname', type(error).__name__)})")


def not_ended(run: str, state: str | None) -> RefusedError:
    """Only an ended run goes on again; `state` is None where there is no such run."""
    if state is None:
        return RefusedError(f"there is no run {run[:40]!r}", reason="unknown")
    return RefusedError(f"run {run} is {state}: only a run that has ended is run again", reason="live")
