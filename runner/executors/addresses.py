"""
Which addresses no action may call: those of cloud metadata services, private networks where they are off, Runner's
own ports.

    host of a URL ──refused_host()──►  a name or a literal address, in any spelling, before anything is resolved
    address of a socket ──refused_address()──►  the very address that is connected to, whatever the name service said

`runner.executors.http` and `runner.executors.sql` ask for each connection, so redirects and proxies are covered. An
IPv4 address inside an IPv6 one (mapped, translated, compatible, NAT64, 6to4) counts as itself. A socket is made only
to learn whether an address is one of this machine's; nothing is sent.
"""

import re
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from runner.ports import ExecutorLimits

Address = IPv4Address | IPv6Address

_METADATA: Final = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Google, Azure, DigitalOcean, Oracle, OpenStack, Hetzner
            "169.254.170.2",  # AWS: credentials of ECS tasks
            "169.254.170.23",  # AWS: credentials of EKS pods
            "169.254.169.253",  # AWS: the resolver of a VPC
            "169.254.169.123",  # AWS: time
            "169.254.0.23",  # Tencent
            "169.254.42.42",  # Scaleway
            "100.100.100.200",  # Alibaba
            "192.0.0.192",  # Oracle, older images
            "168.63.129.16",  # Azure: the platform's own channel
            "fd00:ec2::254",  # AWS
            "fd00:ec2::23",  # AWS: credentials of EKS pods
            "fd20:ce::254",  # Google
            "fd00:42::42",  # Scaleway
        ),
    )
)
_METADATA_NAMES: Final = frozenset(
    {
        "metadata.google.internal",
        "metadata",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
        "metadata.tencentyun.com",
    }
)
_NUMERIC: Final = re.compile(r"\[.*\]|[0-9a-fx.]+")
_LINK_LOCAL: Final = ip_network("169.254.0.0/16")
_LAST_BITS: Final = (
    IPv6Network("64:ff9b::/96"),  # NAT64
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of a network's own
    IPv6Network("::/96"),  # compatible
    IPv6Network("::ffff:0:0:0/96"),  # translated
)
"""Networks whose addresses end in an IPv4 one."""
_SHARED: Final = ip_network("100.64.0.0/10")
_SITE_LOCAL: Final = ip_network("fec0::/10")


def refused_host(host: str, limits: ExecutorLimits) -> str | None:
    """
    Why a URL's host (ASCII, lower case) may not be called, or None: metadata services by name, literals in any
    spelling.
    """
    name = host.removesuffix(".")
    if name in _METADATA_NAMES and not limits.allow_metadata:
        return "a cloud metadata service, which [http] allow_metadata forbids"
    literal = _literal(name)
    return refused_address(literal, limits) if literal is not None else None


def refused_address(address: Address, limits: ExecutorLimits) -> str | None:
    """Why this address may not be connected to, or None."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        address = IPv6Address(int(address))  # an interface's zone makes no other address of it
    for meant in (address, *_inner(address)):
        if not limits.allow_metadata and (meant in _METADATA or (meant.version == 4 and meant in _LINK_LOCAL)):  # noqa: PLR2004  IPv4
            return "a cloud metadata address, which [http] allow_metadata forbids"
        if not limits.allow_private_networks and _is_private(meant):
            return "a private address, which [http] allow_private_networks forbids"
    return None


def refused_port(address: Address, port: int, limits: ExecutorLimits) -> str | None:
    """Why this port may not be connected to, or None: a port of Runner's own on this machine."""
    if port in limits.own_ports and _is_here(address):
        return "a port of Runner's own"
    return None


def _inner(address: Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 one stands for."""
    if isinstance(address, IPv4Address):
        return []
    found = [mapped for mapped in (address.ipv4_mapped, address.sixtofour) if mapped is not None]
    if any(address in network for network in _LAST_BITS):
        found.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address.teredo is not None:
        found.extend(address.teredo)
    return found


def _is_private(address: Address) -> bool:
    return not address.is_global or address.is_multicast or address in _SHARED or address in _SITE_LOCAL


def _literal(host: str) -> Address | None:
    """
    The address that a host is, in the spellings that `inet_aton` takes: `0xa9fea9fe`, `2852039166`, `0251.0376.1`.
    """
    if not _NUMERIC.fullmatch(host):
        return None
    with suppress(ValueError):
        return ip_address(host.strip("[]"))
    with suppress(OSError):
        return IPv4Address(socket.inet_aton(host))
    return None


def _is_here(address: Address) -> bool:
    if address.is_loopback or address.is_unspecified or any(inner.is_loopback for inner in _inner(address)):
        return True
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
