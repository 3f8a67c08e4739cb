"""
What `$last` means for a run that is to begin: the last succeeded run of its workflow.

    Last ──last_value()──► {id, started_at, output}, labelled

Asked by `runner.engine.admission` for each run whose workflow names it, and by `runner.triggers` for what a trigger
fills in before there is a run.
"""

import msgspec

from runner.clock import iso
from runner.errors import SecretGoneError, StoreError
from runner.events import Stored
from runner.expressions.labels import NO_LABELS, Labelled, Labels
from runner.ports import Journal, Last, Sealer


async def last_value(last: Last, journal: Journal, sealer: Sealer) -> Labelled | None:
    """Its value; None where no run has succeeded yet. Raises StoreError, SecretError."""
    if last.run is None:
        return None
    output = Labelled(None) if last.output is None else await opened(last.output, last.run, journal, sealer)
    value = {"id": last.run, "started_at": iso(last.started_at or 0.0), "output": output.value}
    labels = {("output", *path): names for path, names in output.labels.items()}
    return Labelled(value, labels or NO_LABELS)


async def opened(stored: Stored, run: str, journal: Journal, sealer: Sealer) -> Labelled:
    """The real value of what a run's journal keeps. Raises StoreError or SecretError where it cannot be had."""
    if stored.sealed == b"":
        raise SecretGoneError(f"run {run}: a value that was kept sealed is there no more")
    if stored.sealed is not None:
        data = sealer.open(run, stored.sealed)
    elif stored.blob is not None:
        data = await journal.blob(run, stored.blob)
    elif stored.json is not None:
        data = bytes(stored.json)
    else:
        raise StoreError(f"run {run}: a value of the journal is empty")
    return Labelled(msgspec.json.decode(data), labels_of(stored))


def labels_of(stored: Stored) -> Labels:
    """The labels of a stored value."""
    return {path: frozenset(names) for path, names in stored.labels} if stored.labels else NO_LABELS
