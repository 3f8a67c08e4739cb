"""
Connections kept for the next attempt: one pool a connection string, bounded, closed when idle.

    attempt ──► Pools.of(key) ──► Pool.session() ──► a session, alone
                                       │ afterwards, behind the attempt's back: reset, then idle again or dropped

At most `MOST` sessions a connection string; who waits is served in order. A session that was idle is closed after five
minutes, and a pool that holds nothing goes with it: when the secret behind a connection string changes, its old
sessions end that way. The key is a keyed hash, so that no connection string stays in memory or can be logged from here.

`runner.executors.sql.executor` calls it. It must not know which database it is.
"""

import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import anyio
from anyio.abc import TaskGroup

from runner.executors.sql.driver import Connector, Session
from runner.executors.sql.tidy import tidy

MOST: Final = 10
"""Sessions a connection string."""

IDLE: Final = 300.0
"""Seconds after which a session that nobody uses is closed."""

UNSURE: Final = 10.0
"""Seconds after which a session that was idle is asked whether it still lives before it is used."""

RESET_DEADLINE: Final = 5.0
SWEEP_EVERY: Final = 15.0


class _Idle(NamedTuple):
    session: Session
    since: float


class Pool:
    """The sessions of one connection string."""

    def __init__(self, connector: Connector, group: TaskGroup, monotonic: Callable[[], float]) -> None:
        self.connector = connector
        self._group = group
        self._monotonic = monotonic
        self._slots = anyio.Semaphore(MOST)
        self._idle: list[_Idle] = []
        self._used = 0

    @property
    def is_empty(self) -> bool:
        """Whether it holds no session, nor anybody who waits for one."""
        return not self._idle and not self._used

    @asynccontextmanager
    async def session(self, *, fresh: bool = False) -> AsyncIterator[Session]:
        """A session of one's own, with `fresh` on a new connection. Raises what `Connector.connect` raises."""
        self._used += 1
        session: Session | None = None
        try:
            await self._slots.acquire()
            try:
                session = await (self.connector.connect() if fresh else self._take())
                yield session
            finally:
                self._give_back(session)
        finally:
            self._used -= 1

    async def close_idle(self, before: float) -> None:
        """Close the sessions that are idle since before that monotonic time."""
        old = [idle for idle in self._idle if idle.since <= before]
        self._idle = [idle for idle in self._idle if idle.since > before]
        for idle in old:
            await _end(idle.session)

    async def close(self) -> None:
        """Close what is idle, and what becomes it; nobody takes a session any more."""
        for _ in range(MOST):
            await self._slots.acquire()
        await self.close_idle(self._monotonic())

    async def _take(self) -> Session:
        while self._idle:
            session, since = self._idle.pop()
            if session.is_usable and self._monotonic() - since > UNSURE:
                await tidy(session, session.reset, RESET_DEADLINE)
            if session.is_usable:
                return session
            await _end(session)
        return await self.connector.connect()

    def _give_back(self, session: Session | None) -> None:
        if session is None:
            self._slots.release()
        else:
            self._used += 1
            self._group.start_soon(self._recycle, session)

    async def _recycle(self, session: Session) -> None:
        """Behind the attempt's back: a clean session is idle again, any other is closed; then its place is free."""
        try:
            if session.is_usable:
                await tidy(session, session.reset, RESET_DEADLINE)
            if not session.is_usable:
                await _end(session)
        finally:
            self._used -= 1
            if session.is_usable:
                self._idle.append(_Idle(session, self._monotonic()))
            self._slots.release()


async def _end(session: Session) -> None:
    """Close in good order within a deadline, or at once."""
    with anyio.move_on_after(RESET_DEADLINE, shield=True):
        await session.close()
    session.drop()


class Pools:
    """All pools of one executor."""

    def __init__(self, group: TaskGroup, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._group = group
        self._monotonic = monotonic
        self._pools: dict[bytes, Pool] = {}
        self._salt = secrets.token_bytes(16)

    def of(self, connection_string: str, make: Callable[[], Connector]) -> Pool:
        """The pool of a connection string, made by `make` where there is none."""
        key = hashlib.blake2b(connection_string.encode("utf-8", "surrogatepass"), key=self._salt).digest()
        if key not in self._pools:
            self._pools[key] = Pool(make(), self._group, self._monotonic)
        return self._pools[key]

    async def sweep(self) -> None:
        """Close what was idle too long, forget pools that hold nothing."""
        for key, pool in list(self._pools.items()):
            await pool.close_idle(self._monotonic() - IDLE)
            if pool.is_empty:
                self._pools.pop(key, None)

    async def keep_swept(self) -> None:
        """Sweep for as long as the executor is open."""
        while True:
            await anyio.sleep(SWEEP_EVERY)
            await self.sweep()

    async def close(self) -> None:
        """Close every session, once those that are being reset are idle."""
        for pool in self._pools.values():
            await pool.close()
