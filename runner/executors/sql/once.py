"""
Carry out an attempt's transaction exactly once, however often the attempt is repeated.

    begin ─► claim the key ─┬─ claimed ─► run … ─► record ─► commit ─┬─ done
               │            │                                        └─ no answer ─► decide: claim on a new connection
               │            └─ there already ─► rollback ─► what the earlier execution gave
               └─ held by another transaction ─► wait for its end, as long as the attempt's time lasts

A daemon that was killed may leave its transaction open at the server, and its COMMIT may still be on its way. The key
is inserted first, so the database itself makes a second execution wait for the end of the first; then the row is there
or it is not, and both are an answer. For the same reason a lost answer to COMMIT is decided by an insert and not by a
look: a row that cannot be seen yet may still be committed.

`runner.executors.sql.executor` calls it for `exactly_once: true`. It knows no database; `effects` has its table.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio

from runner.errors import ActionError, PermanentError, TemporaryError
from runner.executors.sql.driver import Answer, Session, StaleStatementError
from runner.executors.sql.effects import Effects, Mark
from runner.executors.sql.pools import Pool
from runner.executors.sql.transaction import Work, abandon, commit

WAIT: Final = 30.0
"""Seconds after which a claim that waits is taken back, told of in the log and made anew."""

DECIDE_WITHIN: Final = 60.0
"""Seconds for finding out what a lost COMMIT did, where the attempt's own time is longer or has no end."""

MARGIN: Final = 1.0
"""Seconds before the attempt's end at which we stop and say why."""

SHARE: Final = 0.1
"""At most this part of the attempt's time is that margin."""

_PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
_WAITABLE: Final = frozenset({"conflict", "timeout"})

_log = logging.getLogger(__name__)


class _HeldError(Exception):
    """The key could not be claimed yet: another transaction holds it, or was in the way."""


class _NoTableError(Exception):
    """The claim was refused, as it is where the table is missing; `error` is how."""

    def __init__(self, error: PermanentError) -> None:
        self.error = error
        super().__init__()


class _LostCommitError(Exception):
    """No answer to COMMIT; `error` says so, `answers` are what it would have made true."""

    def __init__(self, error: TemporaryError, answers: Sequence[Answer]) -> None:
        self.error = error
        self.answers = answers
        super().__init__()


class _Patience:
    """The time that is left, and how long to pause in it."""

    def __init__(self, most: float = float("inf")) -> None:
        self._start = anyio.current_time()
        time = min(anyio.current_effective_deadline() - self._start, most)
        self._end = self._start + time - min(MARGIN, time * SHARE)
        self._pauses = 0

    @property
    def left(self) -> float:
        """Seconds."""
        return max(self._end - anyio.current_time(), 0.0)

    @property
    def waited(self) -> float:
        """Seconds."""
        return anyio.current_time() - self._start

    async def pause(self) -> None:
        """Longer each time, up to a second."""
        pause = _PAUSES[min(self._pauses, len(_PAUSES) - 1)]
        self._pauses += 1
        await anyio.sleep(min(pause, self.left))


async def carry_out(pool: Pool, effects: Effects, work: Work) -> Sequence[Answer]:
    """
    What the statements gave, now or when they were carried out before.

    Raises TemporaryError with `effect: unknown` where another transaction holds the key until the attempt's time is
    over, or where nobody could say what a COMMIT did; what else `Session` and `Effects` raise.
    """
    mark, patience, is_made = Mark.of(work.queries, work.call), _Patience(), False
    while True:
        try:
            answers = await _attempt(pool, effects, work, mark, patience)
        except _HeldError:
            await _wait(work, patience)
        except _NoTableError as missing:
            if is_made:
                raise missing.error from None
            await _make(pool, effects, patience)
            is_made = True
        except _LostCommitError as lost:
            return await _decide(pool, effects, mark, lost)
        else:
            if answers is not None:
                return answers


async def _attempt(
    pool: Pool, effects: Effects, work: Work, mark: Mark, patience: _Patience
) -> Sequence[Answer] | None:
    """The answers, or None where the row of an earlier execution was deleted between two looks."""
    async with _session(pool) as session:
        with anyio.move_on_after(min(patience.left or WAIT, WAIT)) as waiting:
            is_free = await _claim(session, effects, mark, work.isolation)
        if waiting.cancelled_caught:
            raise _HeldError
        if not is_free:
            await session.rollback()
            return await effects.find(session, mark, work.call)
        answers = await work.run(session)
        if not session.in_transaction:
            message = "exactly_once: a statement ended the transaction: does it call a procedure that commits?"
            raise PermanentError(message, kind="statement", effect="unknown")
        await effects.record(session, mark, answers, work.call)
        try:
            await commit(session, work)
        except TemporaryError as error:
            if error.effect != "unknown":
                raise
            raise _LostCommitError(error, answers) from None
        return answers


@asynccontextmanager
async def _session(pool: Pool, *, fresh: bool = False) -> AsyncIterator[Session]:
    """A session that is rolled back when the block fails."""
    async with pool.session(fresh=fresh) as session:
        try:
            yield session
        except BaseException:
            await abandon(session)
            raise


async def _claim(session: Session, effects: Effects, mark: Mark, isolation: str | None) -> bool:
    """Begin, and insert the key first of all. Raises _HeldError, _NoTableError."""
    try:
        await session.begin(isolation, reads=False)
        return await effects.claim(session, mark)
    except TemporaryError as error:
        if error.kind not in _WAITABLE:
            raise
        raise _HeldError from None
    except PermanentError as error:
        if error.kind == "refused":
            raise _without_rights(error, effects) from None
        if error.kind != "statement":
            raise
        raise _NoTableError(error) from None


async def _wait(work: Work, patience: _Patience) -> None:
    """Before the next claim. Raises TemporaryError when the time is over."""
    if not patience.left:
        message = (
            f"exactly_once: another transaction has held the key in runner_effects for {patience.waited:.0f} s:"
            " an earlier execution has not ended at the server, and nobody knows yet what it will have done"
        )
        raise TemporaryError(message, kind="timeout", effect="unknown")
    if patience.waited >= WAIT:
        _log.warning(
            "run %s, %s: exactly_once waits since %.0f s for another transaction, which holds its key",
            work.call.run,
            work.call.place,
            patience.waited,
        )
    await patience.pause()


async def _make(pool: Pool, effects: Effects, patience: _Patience) -> None:
    """Make the table, each statement in a transaction of its own; another one that does the same is no error."""
    for is_last in (False, True):
        try:
            async with _session(pool) as session:
                await effects.make(session)
        except ActionError as error:
            if error.kind == "refused":
                raise _without_rights(error, effects) from None
            if is_last or error.kind not in {"value", "statement", *_WAITABLE}:
                raise
            await patience.pause()
        else:
            return


def _without_rights(error: ActionError, effects: Effects) -> PermanentError:
    statements = "; ".join(effects.making)
    message = (
        f"{error}: exactly_once keeps its keys in the table runner_effects, which this user may not make or use. An "
        f"administrator can run: {statements}; grant select, insert, update, delete on runner_effects to …"
    )
    return PermanentError(message, kind="refused", facts=error.facts)


async def _decide(pool: Pool, effects: Effects, mark: Mark, lost: _LostCommitError) -> Sequence[Answer]:
    """
    What the lost COMMIT did, by claiming its key on a new connection.

    Raises TemporaryError: `effect: none` where it did nothing, `unknown` where that cannot be found out in time.
    """
    patience = _Patience(DECIDE_WITHIN)
    while patience.left:
        is_free = await _probe(pool, effects, mark, patience)
        if is_free:
            message = "exactly_once: the answer to COMMIT was lost; its key is not in runner_effects: nothing was done"
            raise TemporaryError(message, kind=lost.error.kind)
        if is_free is not None:
            return lost.answers
        await patience.pause()
    message = f"{lost.error}; its key in runner_effects could not be looked up within {patience.waited:.0f} s"
    raise TemporaryError(message, kind=lost.error.kind, effect="unknown")


async def _probe(pool: Pool, effects: Effects, mark: Mark, patience: _Patience) -> bool | None:
    """Whether the key can be claimed, once nobody holds it; None where that cannot be said yet. It is not kept."""
    with anyio.move_on_after(patience.left):
        try:
            async with _session(pool, fresh=True) as session:
                is_free = await _claim(session, effects, mark, None)
                await session.rollback()
                return is_free
        except (_HeldError, _NoTableError, StaleStatementError, ActionError):
            return None
    return None
