"""
The runs that `workflow` actions start: accepted once, asked for their end, told to end with their parent.

    Waits ──start_child──► Dispatcher.submit         child's journal ──child_ended──► Waits

A child's id is derived from its parent's run and a key of the attempt that calls it (generation, place, attempt), so a
parent that is resumed finds the child that it had started. `runner.engine.dispatcher` makes one for all its runs.
"""

from collections.abc import Awaitable, Callable

from runner.engine.admission import Admissions, Submission
from runner.engine.flow import ChildCall
from runner.errors import RefusedError
from runner.events import CancelReason, Ended, Parent
from runner.ports import Admitted, RunRow, Store


class ChildRuns:
    """The `Children` of `runner.engine.waits`."""

    def __init__(
        self,
        store: Store,
        admissions: Admissions,
        submit: Callable[[Submission], Awaitable[Admitted]],
        cancel: Callable[[str, CancelReason], None],
    ) -> None:
        self._store = store
        self._admissions = admissions
        self._submit = submit
        self._cancel = cancel

    async def start_child(self, call: ChildCall, parent: Parent, key: str) -> str:
        """Accept the run of a `workflow` action; the same id again for the same parent and `key`."""
        name = call.name
        submission = Submission(workflow=name, inputs=call.inputs, kind="workflow", parent=parent, child_key=key)
        existing = await self._store.get(self._admissions.child_id(submission))
        if existing is not None:
            return existing.id
        admitted = await self._submit(submission)
        if admitted.verdict == "skipped":
            raise RefusedError(f"{name} takes no run now: one is running (concurrency.when_full: skip)", reason="skip")
        return admitted.run

    async def child_ended(self, run: str) -> tuple[RunRow, Ended] | None:
        """The end of a child run, once there is one."""
        row = await self._store.get(run)
        if row is None or row.ended_at is None:
            return None
        rows = await self._store.read(run)
        ended = next((event for event in reversed(rows[-1].events) if isinstance(event, Ended)), None)
        return (row, ended) if ended is not None else None

    def cancel_child(self, run: str) -> None:
        """A parent no longer wants its child's answer."""
        self._cancel(run, "parent")
