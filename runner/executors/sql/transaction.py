"""
One attempt's statements on a session of its own, as one transaction or alone.

    transact     begin → run … → commit        │ what fails or is cancelled before the commit is rolled back
    run_alone    one statement that commits itself

A commit that was sent is awaited for `COMMIT_DEADLINE` whatever happens, since afterwards nobody could say what it did;
a rollback has a deadline and then the connection is dropped. Both are shielded.

`runner.executors.sql.executor` calls it, and `once` for transactions that are carried out once. It must not know which
database it talks to.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import anyio

from runner.errors import ActionError, Effect, TemporaryError
from runner.executors.sql.driver import Answer, Bounds, Session
from runner.executors.sql.shape import Query
from runner.executors.sql.tidy import tidy
from runner.ports import Call

COMMIT_DEADLINE: Final = 10.0
"""Seconds that a commit's answer is waited for."""

ROLLBACK_DEADLINE: Final = 5.0
"""Seconds that a server gets to stop a statement and roll back; then the connection is dropped."""


class Work(NamedTuple):
    """What one attempt is to carry out, and whose attempt it is."""

    queries: Sequence[Query]
    isolation: str | None
    bounds: Bounds
    call: Call

    @property
    def reads(self) -> bool:
        """Whether no statement changes anything."""
        return all(query.shape.reads for query in self.queries)

    async def run(self, session: Session) -> list[Answer]:
        """The statements, one after the other."""
        return [await session.run(query, self.bounds) for query in self.queries]


async def transact(session: Session, work: Work) -> Sequence[Answer]:
    """Open a transaction, run the statements, commit."""
    try:
        await session.begin(work.isolation, reads=work.reads)
        answers = await work.run(session)
        await commit(session, work)
    except BaseException:
        await abandon(session)
        raise
    return answers


async def run_alone(session: Session, work: Work) -> Sequence[Answer]:
    """One statement that commits itself; what went wrong after it was sent may have happened all the same."""
    try:
        if not work.reads:
            work.call.leaving()
        return await work.run(session)
    except ActionError as error:
        await abandon(session)
        if work.reads or error.kind not in {"connection", "limit"}:
            raise
        effect: Effect = "unknown" if error.kind == "connection" else "done"
        raise type(error)(str(error), kind=error.kind, effect=effect, facts=error.facts) from None
    except BaseException:
        await abandon(session)
        raise


async def commit(session: Session, work: Work) -> None:
    """Commit. Raises TemporaryError with `effect: unknown` where no answer came."""
    if not work.reads:
        work.call.leaving()
    with anyio.CancelScope(shield=True):
        try:
            with anyio.fail_after(COMMIT_DEADLINE):
                await session.commit()
        except TimeoutError:
            session.is_usable = False
            message = f"no answer to COMMIT within {COMMIT_DEADLINE:g} s: nobody knows whether it was done"
            raise TemporaryError(message, kind="timeout", effect="unknown") from None


async def abandon(session: Session) -> None:
    """Roll back within a deadline, or give the session up."""
    await tidy(session, session.rollback, ROLLBACK_DEADLINE)
