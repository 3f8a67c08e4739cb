"""
Which addresses a connection may go to, and how its TLS is set up: from the connection string alone.

A host is resolved here, each address is checked (metadata services, private networks: `runner.executors.addresses`),
and the driver is given the checked address, so that no second look-up can lead elsewhere. Certificates are read from
the folders that the daemon's settings allow. Nothing is taken from PGSSLMODE, `~/.postgresql` or the like.

`sslmode` as PostgreSQL's own clients have it, for MySQL too: `prefer` (the default) encrypts where the server can,
`require` always, `verify-ca` and `verify-full` check the certificate against `sslrootcert` or the system's authorities.
"""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final

import anyio
import idna

from runner.errors import PermanentError, TemporaryError
from runner.executors.addresses import refused_address, refused_host, refused_port
from runner.executors.files import by_descriptor
from runner.executors.sql.connection_string import Host, Target
from runner.executors.sql.files import opened
from runner.ports import ExecutorLimits

CONNECT_TIMEOUT: Final = 15.0
"""Seconds for a connection to stand, unless the connection string's `connect_timeout` says otherwise."""


class NamedContext(ssl.SSLContext):
    """A TLS context that expects the certificate of `host` although the connection goes to an address."""

    host: str = ""

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **options: Any) -> ssl.SSLObject:
        """As the parent does, with the host's name."""
        server_side = options.pop("server_side", False) or (bool(args) and bool(args[0]))
        options.pop("server_hostname", None)
        return super().wrap_bio(incoming, outgoing, server_side=server_side, server_hostname=self.host, **options)


async def addresses_of(host: Host, target: Target, limits: ExecutorLimits) -> list[str]:
    """
    The checked addresses of a host, or the path of a socket.

    Raises PermanentError (`refused`) for an address that no action may reach, TemporaryError for a name nobody knows.
    """
    if host.is_socket:
        if not limits.allow_private_networks:
            raise PermanentError(
                f"{target.name}: a Unix socket is on this machine, which the settings forbid", kind="refused"
            )
        return [host.name]
    refused = refused_host(_ascii(host.name), limits)
    try:
        found = [] if refused else await anyio.getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise TemporaryError(f"{target.name}: the host's name cannot be resolved", kind="connection") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in map(ip_address, addresses):
        refused = refused or refused_address(address, limits) or refused_port(address, host.port, limits)
    if refused:
        raise PermanentError(f"{target.name}: the host of the connection string is {refused}", kind="refused")
    return addresses


def _ascii(name: str) -> str:
    """A host's name as it is looked up; one that has no such form leads nowhere."""
    with suppress(idna.IDNAError):
        return idna.encode(name, uts46=True).decode("ascii") if not name.isascii() else name.lower()
    return name


def connect_timeout(target: Target) -> float:
    """Seconds that connecting may take."""
    return float(target.options.get("connect_timeout") or CONNECT_TIMEOUT)


def ssl_mode(target: Target) -> str:
    """One of `SSL_MODES`; a socket is never encrypted."""
    if all(host.is_socket for host in target.hosts):
        return "disable"
    return target.options.get("sslmode", "prefer")


def ssl_context(target: Target, host: Host, limits: ExecutorLimits) -> ssl.SSLContext | None:
    """The context for a connection, None where it is not to be encrypted. Raises PermanentError (`config`)."""
    mode = ssl_mode(target)
    if mode == "disable":
        return None
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.host = host.name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = mode == "verify-full"
    root = target.options.get("sslrootcert")
    if mode in {"verify-ca", "verify-full"} or (root and mode == "require"):
        context.verify_mode = ssl.CERT_REQUIRED
        _load(target, "sslrootcert", lambda: _roots(context, root, limits))
    else:
        context.verify_mode = ssl.CERT_NONE
    certificate = target.options.get("sslcert")
    if certificate:
        key = target.options.get("sslkey") or certificate
        _load(target, "sslcert and sslkey", lambda: _chain(context, certificate, key, limits))
    return context


def _chain(context: ssl.SSLContext, certificate: str, key: str, limits: ExecutorLimits) -> None:
    with opened(certificate, limits) as one, opened(key, limits) as other:
        context.load_cert_chain(by_descriptor(one), by_descriptor(other), password="")


def _roots(context: ssl.SSLContext, root: str | None, limits: ExecutorLimits) -> None:
    if root and root != "system":
        with opened(root, limits) as descriptor:
            context.load_verify_locations(by_descriptor(descriptor))
    else:
        context.load_default_certs()


def _load(target: Target, what: str, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ValueError):
        raise PermanentError(
            f"{target.name}: {what} of the connection string is not a readable certificate", kind="config"
        ) from None
