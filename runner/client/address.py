"""
Where a daemon elsewhere is: the address of its dashboard's port, checked before a token is sent there.

    "https://runner.example.com" ──address()──► Address, or UsageError with what was expected

`runner.client.api` asks there. An address may have a path, where a proxy serves the dashboard below one.
"""

import ipaddress
from typing import NamedTuple

import httpx

from runner.errors import UsageError


class Address(NamedTuple):
    """`url` without the slash at its end; `shown` is what errors name: scheme, host and port alone."""

    url: str
    shown: str


def address(text: str, *, has_token: bool, may_be_plain: bool) -> Address:
    """
    The address. A token goes over plain HTTP to this machine alone, or where `may_be_plain`.

    Raises UsageError.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise UsageError("--url: expected an address such as https://runner.example.com") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise UsageError("--url: expected an address such as https://runner.example.com")
    if url.userinfo or url.query or url.fragment:
        raise UsageError("--url: expected an address without user, password, query or fragment; the token stands apart")
    shown = f"{url.scheme}://{url.netloc.decode('ascii')}"
    if url.scheme == "http" and has_token and not may_be_plain and not _is_this_machine(url.host):
        raise UsageError(
            f"--url: {shown} is not encrypted, and whoever is on the way would read the token: expected https://, "
            "or --plain-http where the network is trusted"
        )
    return Address(str(url).rstrip("/"), shown)


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
