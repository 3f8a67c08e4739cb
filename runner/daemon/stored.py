"""
Cancel a run that lies in the store, where no daemon runs: it is journaled now, and carried out by the next start.

    lock ──► Cancelling in the run's journal, a wake-up that is due ──► the next daemon ends the run, with its `finally`

Called by `runner runs cancel`.
"""

from collections.abc import Sequence

from runner.daemon.alone import BY
from runner.daemon.root import open_runs, system_clock
from runner.daemon.service import run_process
from runner.engine.deadlines import RUN_PLACE
from runner.errors import RefusedError, RunnerError
from runner.events import Cancelling, Ended, Rerun, encode
from runner.ports import Append, JournalRow, Park, Store
from runner.settings import Loaded


def cancel_stored(loaded: Loaded, runs: Sequence[str]) -> list[str | RunnerError]:
    """For each run its whole id, or why it was refused. Raises StoreError."""
    answers: list[str | RunnerError] = []

    async def main() -> None:
        clock = system_clock()
        async with open_runs(loaded.settings, clock) as store:
            for run in runs:
                try:
                    answers.append(await _cancel(store, run, clock.wall()))
                except RefusedError as error:
                    answers.append(error)

    run_process(main)
    return answers


async def _cancel(store: Store, run: str, at: float) -> str:
    row = await store.get(run)
    if row is None:
        raise RefusedError(f"there is no run {run[:40]!r}", reason="unknown")
    if row.ended_at is not None:
        raise RefusedError(f"run {row.id} has ended ({row.state}): it cannot be cancelled", reason="ended")
    journal = await store.read(row.id)
    if not _is_cancelling(journal):
        events = encode((Cancelling(at, "person", BY),))
        wake = Park(RUN_PLACE, at)
        await store.append(
            Append(run=row.id, boot=store.boot, seq=journal[-1].seq + 1, at=at, events=events, parks=(wake,))
        )
    return row.id


def _is_cancelling(journal: Sequence[JournalRow]) -> bool:
    events = [event for row in journal for event in row.events]
    for event in reversed(events):
        if isinstance(event, Cancelling) and not event.scope and event.why != "timeout":
            return True
        if isinstance(event, Ended | Rerun):
            return False
    return False
