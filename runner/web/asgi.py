"""
Serve an ASGI application on a socket that is bound already, for the length of a block.

    listen_tcp() / listen_unix() ──► socket ──► serve(app, socket): answers inside the block, ends gracefully after it

The composition root binds first, so that a port that is taken is one sentence at the start, and serves once there is
something to answer. uvicorn does the protocol, `runner.web.guard` bounds what clients of a TCP port may take; uvicorn's
signal handlers, its log configuration and its ten wake-ups a second are not used. What an application answers is not
known here.
"""

import asyncio
import logging
import os
import resource
import socket
import stat
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

import anyio
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from runner.errors import SettingsError, StoreLockedError
from runner.web.guard import Bounds, Guard, guarded

BACKLOG: Final = 1024
MOST_CONNECTIONS: Final = 10_000
"""Of one port, where the limit of open files allows so many."""

GRACE_SECONDS: Final = 3
"""How long answers under way get when the block ends."""

_PEER: Final = struct.Struct("3i")


def listen_tcp(host: str, port: int, key: str) -> socket.socket:
    """
    A socket that is bound to `host` and `port` (0: any free one), where `key` is the setting to name in an error.

    Raises SettingsError: the port is taken or not allowed, the host is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise SettingsError(f"{key.replace('port', 'host')}: {host} is no address of this machine: {error}") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno or 0).lower()
        raise SettingsError(f"{key}: port {port} on {host} cannot be listened on: {reason}") from None
    return listener


def make_runtime_folder(folder: Path) -> None:
    """
    Make the folder of a control socket, mode 0700, where it is not there.

    Raises SettingsError for one that is a link, is another user's, or is open to others.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise SettingsError(f"{folder}: the control socket's folder cannot be made: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise SettingsError(
            f"{folder}: expected a folder of user {os.geteuid()} with mode 0700 for the control socket, found one of "
            f"user {found.st_uid} with mode {stat.S_IMODE(found.st_mode):04o}: chmod 700 {folder}"
        )


def listen_unix(path: Path) -> socket.socket:
    """
    A Unix socket at `path` with mode 0600; one that a process left behind is replaced.

    Raises StoreLockedError where a process answers at it, SettingsError where it cannot be made.
    """
    if _is_answered(path):
        raise StoreLockedError(f"{path}: another daemon answers at this socket")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with suppress(FileNotFoundError):
            path.unlink()
        os.fchmod(listener.fileno(), stat.S_IRUSR | stat.S_IWUSR)
        listener.bind(str(path))
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise SettingsError(f"{path}: the control socket cannot be made: {error.strerror or error}") from None
    return listener


def _is_answered(path: Path) -> bool:
    if not path.is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(str(path)) == 0


def raise_file_limit() -> int:
    """Let this process open as many files as it is allowed to; how many connections a port may then have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # macOS says more than it allows
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 3)


@asynccontextmanager
async def serve(app: ASGIApp, listener: socket.socket, bounds: Bounds | None = None) -> AsyncIterator[None]:
    """
    Answer at `listener` inside the block and close it after.

    Clients of a TCP port are held to `bounds`. A Unix socket has none: there the peer is hung up on unless it is root
    or the user that this process runs as.
    """
    guard = Guard(bounds or Bounds())
    is_unix = listener.family == socket.AF_UNIX
    async with _served(app, listener, _OwnUserProtocol if is_unix else guarded(guard), guard.bounds.idle_seconds):
        if is_unix:
            yield
            return
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(guard.sweep)
            yield
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def _served(app: ASGIApp, listener: socket.socket, protocol: Any, idle_seconds: int) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", protocol),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=idle_seconds,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    config.load()
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # starts and ends we tell ourselves, garbage is no news
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await server.shutdown(sockets=[listener])


class _OwnUserProtocol(HttpToolsProtocol):
    """HTTP on a Unix socket whose peer the kernel vouches for."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own annotation
        if is_own_user(transport.get_extra_info("socket")):
            super().connection_made(transport)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if hasattr(self, "transport") and self.transport is not None:
            super().connection_lost(exc)


def is_own_user(connection: Any) -> bool:
    """Whether the other end of a Unix socket is root or our own user, as the kernel says; true where it cannot say."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    _, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return uid in {0, os.geteuid()}
