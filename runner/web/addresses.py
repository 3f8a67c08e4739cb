"""
Whose request it is and for whom it was meant, by its addresses: the peer's, Host, Origin, what a proxy forwarded.

    scope ──Addresses.client()──► the client's address; a proxy that is trusted says for whom it asks
          ──refusal()──► a Host or an Origin that is not ours          ──is_https()──► which cookie counts

A Host that is an address or localhost is ours whatever it says, since no foreign page can make a browser send it there;
a name has to be that of `[dashboard] public_url`. Pure; `runner.web.door` asks.
"""

import ipaddress
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request

_HTTPS = "https"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Misplaced(NamedTuple):
    """A request that was not meant for us, and the status to answer with."""

    status: int
    detail: str


class Addresses:
    """What is ours. `public_url` as in the settings, empty where people use the machine's address."""

    def __init__(self, public_url: str = "", trusted_proxies: Sequence[str] = ()) -> None:
        self._public = urlsplit(public_url)
        self._trusted: list[Network] = [ipaddress.ip_network(each, strict=False) for each in trusted_proxies]

    def client(self, request: Request) -> str:
        """The address that counts as the client's."""
        peer = request.client.host if request.client else ""
        hops = [hop.strip() for hop in ",".join(request.headers.getlist("x-forwarded-for")).split(",")]
        while self._is_trusted(peer) and hops and hops[-1]:
            peer = hops.pop()
        return peer[:64]

    def is_https(self, request: Request) -> bool:
        """Whether the browser speaks TLS, be it to a proxy."""
        if self._public.scheme == _HTTPS and _host(request.headers.get("host", "")) == self._public.hostname:
            return True
        peer = request.client.host if request.client else ""
        return self._is_trusted(peer) and request.headers.get("x-forwarded-proto", "") == _HTTPS

    def refusal(self, request: Request, *, is_origin_needed: bool) -> Misplaced | None:
        """Why the request is none of ours; None where it is. `is_origin_needed`: only a page of ours may send it."""
        given = request.headers.getlist("host")
        if len(given) != 1 or not self._is_ours(given[0]):
            return Misplaced(
                421, "this Host is not served here: set [dashboard] public_url to the address that is used"
            )
        origin = request.headers.get("origin")
        if origin is not None:
            return (
                None if self._is_own_origin(origin, given[0]) else Misplaced(403, "the request comes from another site")
            )
        if is_origin_needed and request.headers.get("sec-fetch-site") != "same-origin":
            return Misplaced(403, "the request does not say that it comes from a page of this site (Origin)")
        return None

    def _is_trusted(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._trusted if network.version == found.version)

    def _is_ours(self, given: str) -> bool:
        host = _host(given)
        if host in {"localhost", self._public.hostname}:
            return bool(host)
        try:
            ipaddress.ip_address(host or "")
        except ValueError:
            return False
        return True

    def _is_own_origin(self, origin: str, given: str) -> bool:
        try:
            said = urlsplit(origin)
        except ValueError:
            return False
        if said.scheme not in {"http", _HTTPS} or said.path or said.query:
            return False
        return said.netloc.lower() in {given.lower(), self._public.netloc.lower()} - {""}


def _host(given: str) -> str | None:
    try:
        return urlsplit(f"//{given}").hostname if "/" not in given and "@" not in given else None
    except ValueError:
        return None
