"""
A TCP proxy before a database that cuts the first connection which sends COMMIT.

    async with cutting(url, arrives=True) as proxy:     COMMIT reaches the server, its answer never comes back
    async with cutting(url, arrives=False) as proxy:    COMMIT does not reach the server
    proxy.url                                           the database through the proxy, in the clear
    proxy.closed = True                                 from the cut on it takes nobody

Later connections pass untouched.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import anyio
from anyio.abc import SocketAttribute, SocketStream

COMMITS = (b"\x0bcommit", b"\x03commit")
"""How PostgreSQL's and MySQL's messages for COMMIT end, but for a zero."""


class Proxy:
    """Where it listens, and whether it has cut."""

    def __init__(self, url: str, *, arrives: bool) -> None:
        self._parts = urlsplit(url)
        self._arrives = arrives
        self.port = 0
        self.cut = False
        self.closed = False

    @property
    def url(self) -> str:
        """The database's address through the proxy."""
        user = self._parts.username
        return self._parts._replace(netloc=f"{user}@127.0.0.1:{self.port}", query="sslmode=disable").geturl()

    async def serve(self, client: SocketStream) -> None:
        """One connection, until either side ends it."""
        if self.cut and self.closed:
            await client.aclose()
            return
        server = await anyio.connect_tcp(self._parts.hostname or "", self._parts.port or 0)
        async with client, server, anyio.create_task_group() as group:
            group.start_soon(self._back, server, client, group.cancel_scope)
            await self._forth(client, server)
            group.cancel_scope.cancel()

    async def _forth(self, client: SocketStream, server: SocketStream) -> None:
        try:
            async for data in client:
                if data.rstrip(b"\0").endswith(COMMITS) and not self.cut:
                    self.cut = True
                    if self._arrives:
                        await server.send(data)
                    return
                await server.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass

    async def _back(self, server: SocketStream, client: SocketStream, scope: anyio.CancelScope) -> None:
        try:
            async for data in server:
                await client.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        scope.cancel()


@asynccontextmanager
async def cutting(url: str, *, arrives: bool) -> AsyncIterator[Proxy]:
    """A proxy that listens on the loopback for the length of the block."""
    proxy = Proxy(url, arrives=arrives)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    proxy.port = listener.extra(SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, proxy.serve)
        yield proxy
        group.cancel_scope.cancel()
