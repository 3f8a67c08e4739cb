"""
Who was wrong too often waits, twice as long each time: for each address, and a little for everybody.

    wrong ──failed(address)──► wait(address): seconds until the next try counts ──right──► succeeded(address)

A few mistakes are free. Nothing is kept on disk; after an hour without a mistake an address begins anew. An IPv6
address counts with its whole /64, which one machine may have.
"""

import ipaddress
from typing import Final

import msgspec

from runner.clock import Clock

FREE: Final = 5
"""Mistakes of one address before it has to wait."""

LONGEST: Final = 900.0
"""Seconds that one address waits at most."""

FREE_IN_ALL: Final = 100
LONGEST_IN_ALL: Final = 5.0
"""Seconds that everybody waits at most: enough to slow many addresses, too short to lock the owner out."""

FORGET_SECONDS: Final = 3600.0
MOST_ADDRESSES: Final = 10_000


class _Mistakes(msgspec.Struct):
    count: int = 0
    last: float = 0.0
    until: float = 0.0


class Delays:
    """The mistakes of all addresses. Times by the monotonic clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_address: dict[str, _Mistakes] = {}
        self._in_all = _Mistakes()

    def wait(self, address: str) -> float:
        """Seconds until a try from there counts; 0 where it does now."""
        now = self._clock.monotonic()
        own = self._by_address.get(_block(address))
        return max(0.0, self._in_all.until - now, own.until - now if own else 0.0)

    def failed(self, address: str) -> None:
        """A wrong password or token came from there."""
        now, block = self._clock.monotonic(), _block(address)
        own = self._by_address.pop(block, _Mistakes())
        self._by_address[block] = own
        _count(own, now, FREE, LONGEST)
        _count(self._in_all, now, FREE_IN_ALL, LONGEST_IN_ALL)
        if len(self._by_address) > MOST_ADDRESSES:
            del self._by_address[next(iter(self._by_address))]

    def succeeded(self, address: str) -> None:
        """The right one came from there."""
        self._by_address.pop(_block(address), None)


def _count(mistakes: _Mistakes, now: float, free: int, longest: float) -> None:
    if now - mistakes.last > FORGET_SECONDS:
        mistakes.count = 0
    mistakes.count += 1
    mistakes.last = now
    over = mistakes.count - free
    if over > 0:
        mistakes.until = now + min(longest, 2.0 ** min(over - 1, 20))


def _block(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found), 64), strict=False).network_address)
    return str(found)
