"""
Tokens that Runner was given, kept until they expire, fetched once however many attempts want one.

    attempts ──Tokens.get(key, fetch)──► one fetch at a time for each key ──► TokenCache

`oauth2` and `google` get theirs here. `MemoryTokens` forgets at the end of the process; a cache that seals tokens on
disk takes its place by `runner.ports.TokenCache`.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from runner.clock import Clock
from runner.ports import Token, TokenCache

LEEWAY: Final = 30.0
"""Seconds before its end in which a token is not used any more."""
_KEPT: Final = 10_000

Fetch = Callable[[Token | None], Awaitable[Token]]
"""Gets a new token; is handed the one that was kept last, for its refresh token."""


class MemoryTokens:
    """A `TokenCache` in memory; the token that was not used longest goes first."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[str, Token] = OrderedDict()

    async def load(self, key: str) -> Token | None:
        """The token that was kept last."""
        if key in self._tokens:
            self._tokens.move_to_end(key)
        return self._tokens.get(key)

    async def keep(self, key: str, token: Token) -> None:
        """Keep it instead of the one before."""
        self._tokens[key] = token
        self._tokens.move_to_end(key)
        while len(self._tokens) > _KEPT:
            self._tokens.popitem(last=False)


class Tokens:
    """Hands out tokens, one fetch at a time for each key."""

    def __init__(self, cache: TokenCache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._locks: dict[str, tuple[anyio.Lock, int]] = {}

    def now(self) -> float:
        """Wall time, from which a token's end is counted."""
        return self._clock.wall()

    async def get(self, key: str, fetch: Fetch, *, refused: str | None = None) -> str:
        """
        A token that is good for a while, but not `refused`, which the peer did not take. Raises what `fetch`
        raises.
        """
        if (kept := self._good(await self._cache.load(key), refused)) is not None:
            return kept
        lock, waiting = self._locks.get(key, (anyio.Lock(), 0))
        self._locks[key] = (lock, waiting + 1)
        try:
            async with lock:
                last = await self._cache.load(key)
                if (kept := self._good(last, refused)) is not None:
                    return kept
                token = await fetch(last)
                with anyio.CancelScope(shield=True):
                    await self._cache.keep(key, token)
                return str(token.access.reveal())
        finally:
            self._leave(key)

    def _good(self, token: Token | None, refused: str | None) -> str | None:
        if token is None or token.expires_at - LEEWAY <= self._clock.wall():
            return None
        access = str(token.access.reveal())
        return None if access == refused else access

    def _leave(self, key: str) -> None:
        lock, waiting = self._locks.pop(key)
        if waiting > 1:
            self._locks[key] = (lock, waiting - 1)
