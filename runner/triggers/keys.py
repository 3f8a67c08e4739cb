"""
The public keys of those who sign tokens, from their JWKS address.

    url, kid ──Keys.find()──► kept keys; fetched anew where the kid is not among them, at most every 30 s an address

Kept for an hour; where the address does not answer, the keys of before go on. No redirect is followed, nothing but a
public key is taken, an answer is at most 1 MB. Fetches go where `http` actions may go, and nowhere else.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import anyio
import jwt
import msgspec

from runner import log
from runner.clock import Clock
from runner.executors import addresses
from runner.executors.http.failures import AddressRefusedError
from runner.executors.http.transport import checked_socket
from runner.ports import ExecutorLimits
from runner.triggers.tokens import algorithms_of

KEEP_SECONDS: Final = 3600.0
AGAIN_SECONDS: Final = 30.0
"""How long an address is not asked again, whatever `kid` a caller names."""
FETCH_SECONDS: Final = 10.0
MOST_BYTES: Final = 1_000_000
MOST_KEYS: Final = 100
_OK: Final = 200

_log = log.get("runner.triggers")

Key = tuple[Any, frozenset[str]]


class KeysUnavailableError(Exception):
    """There are no keys of this address and it does not answer: nobody can be verified now."""


class _Kept:
    def __init__(self) -> None:
        self.keys: list[tuple[str | None, Key]] = []
        self.fetched: float | None = None
        self.asked: float | None = None
        self.lock = anyio.Lock()


class Keys:
    """The keys of all addresses that triggers name."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock, limits: ExecutorLimits) -> None:
        self._session = session
        self._clock = clock
        self._limits = limits
        self._kept: dict[str, _Kept] = {}

    def keep(self, urls: frozenset[str]) -> None:
        """Forget the keys of addresses that no trigger names any more."""
        for url in set(self._kept) - urls:
            del self._kept[url]

    async def find(self, url: str, kid: str | None) -> Sequence[Key]:
        """The keys that may have signed a token with this `kid`. Raises KeysUnavailableError."""
        kept = self._kept.setdefault(url, _Kept())
        if self._is_old(kept) or (kid is not None and not _matching(kept, kid)):
            async with kept.lock:
                if self._may_ask(kept) and (self._is_old(kept) or not _matching(kept, kid)):
                    await self._fetch(url, kept)
        if kept.fetched is None:
            raise KeysUnavailableError
        return _matching(kept, kid)

    def _is_old(self, kept: _Kept) -> bool:
        return kept.fetched is None or self._clock.monotonic() - kept.fetched > KEEP_SECONDS

    def _may_ask(self, kept: _Kept) -> bool:
        return kept.asked is None or self._clock.monotonic() - kept.asked >= AGAIN_SECONDS

    async def _fetch(self, url: str, kept: _Kept) -> None:
        kept.asked = self._clock.monotonic()
        try:
            with anyio.fail_after(FETCH_SECONDS):
                data = await self._get(url)
            kept.keys = _read(data)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, AddressRefusedError) as error:
            host = urlsplit(url).hostname
            reason = str(error) if isinstance(error, _UnreadableError) else type(error).__name__
            _log.warning("keys for tokens cannot be fetched", host=host, error=reason)
        else:
            kept.fetched = self._clock.monotonic()

    async def _get(self, url: str) -> bytes:
        if addresses.refused_host(urlsplit(url).hostname or "", self._limits) is not None:
            raise _UnreadableError("its host is refused")
        async with self._session.get(url, allow_redirects=False) as answer:
            if answer.status != _OK:
                raise _UnreadableError(f"it answered {answer.status}")
            data = await answer.content.read(MOST_BYTES + 1)
            while len(data) <= MOST_BYTES and (more := await answer.content.read(MOST_BYTES)):
                data += more
        if len(data) > MOST_BYTES:
            raise _UnreadableError(f"it is over {MOST_BYTES} bytes")
        return data


class _UnreadableError(ValueError):
    pass


def _matching(kept: _Kept, kid: str | None) -> list[Key]:
    return [key for name, key in kept.keys if kid is None or name is None or name == kid]


def _read(data: bytes) -> list[tuple[str | None, Key]]:
    """Every public key of a document that signs. Raises ValueError for what is no JWKS."""
    try:
        document = msgspec.json.decode(data)
        listed = document["keys"][:MOST_KEYS]
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
        raise _UnreadableError("it is no JWKS") from None
    found: list[tuple[str | None, Key]] = []
    for each in listed:
        try:
            if each.get("use") == "enc" or each.get("kty") == "oct" or "d" in each:
                continue
            key = jwt.PyJWK(each).key
        except (jwt.PyJWTError, AttributeError, ValueError, TypeError, KeyError):
            continue
        kid = each.get("kid")
        possible = algorithms_of(key) & {each["alg"]} if isinstance(each.get("alg"), str) else algorithms_of(key)
        if possible:
            found.append((kid if isinstance(kid, str) else None, (key, possible)))
    if not found:
        raise _UnreadableError("no key in it can verify a token")
    return found


@asynccontextmanager
async def open_keys(clock: Clock, limits: ExecutorLimits) -> AsyncIterator[Keys]:
    """The keys, and the connections that they come by, as long as the block."""
    connector = aiohttp.TCPConnector(limit=10, socket_factory=lambda info: checked_socket(info, limits))
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    ) as session:
        yield Keys(session, clock, limits)
