"""
HTTP/2 for actions that ask for it, over the pool that httpx stands on (httpcore, h2).

    Outgoing + Route ──open()──► Incoming        one pool for each route, several requests on one connection

A server that offers no HTTP/2 is spoken to by HTTP/1.1. Each address is checked as it is connected to, like in
`transport`, whose sibling this is; it costs several times the processor time a request.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any, Final

import anyio
import httpcore

from runner.errors import ActionError
from runner.executors import addresses
from runner.executors.http import failures
from runner.executors.http.failures import AddressRefusedError
from runner.executors.http.headers import Fields
from runner.executors.http.incoming import Incoming, decoded, folded
from runner.executors.http.outgoing import Outgoing
from runner.executors.http.transport import CONNECTIONS, KEEP, SILENCE, Route
from runner.ports import ExecutorLimits

_POOLS: Final = 64
_CONNECT: Final = 30.0
_TIMEOUTS: Final = {"connect": _CONNECT, "read": SILENCE, "write": SILENCE, "pool": None}


class Http2:
    """Sends requests over httpcore's pools."""

    def __init__(self, limits: ExecutorLimits) -> None:
        self._backend = _CheckedBackend(limits)
        self._pools: OrderedDict[Route, httpcore.AsyncConnectionPool] = OrderedDict()

    async def open(self, request: Outgoing, route: Route) -> Incoming:
        """Send it and wait for status and headers. Raises ActionError."""
        pool = await self._pool(route)
        target = request.target
        url = httpcore.URL(
            scheme=target.scheme.encode(),
            host=target.host.strip("[]").encode(),
            port=target.port,
            target=target.request_path.encode(),
        )
        headers = _bytes(request)
        sent = httpcore.Request(
            request.method, url, headers=headers, content=request.content, extensions={"timeout": _TIMEOUTS}
        )
        try:
            return _Answer(request, await pool.handle_async_request(sent))
        except (*_ERRORS, AddressRefusedError) as error:
            raise _translated(request, error) from None

    async def _pool(self, route: Route) -> httpcore.AsyncConnectionPool:
        if route not in self._pools:
            await self._make_room()
            self._pools[route] = httpcore.AsyncConnectionPool(
                ssl_context=route.tls,
                proxy=_proxy(route),
                max_connections=CONNECTIONS,
                max_keepalive_connections=CONNECTIONS,
                keepalive_expiry=KEEP,
                http2=True,
                network_backend=self._backend,
            )
        self._pools.move_to_end(route)
        return self._pools[route]

    async def _make_room(self) -> None:
        idle = [route for route, pool in self._pools.items() if all(one.is_idle() for one in pool.connections)]
        for route in idle[: max(0, len(self._pools) - _POOLS + 1)]:
            await self._pools.pop(route).aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.aclose()


class _Answer:
    """One answer of httpcore."""

    def __init__(self, request: Outgoing, response: httpcore.Response) -> None:
        self._request = request
        self._response = response
        self.status = response.status
        self.fields: Fields = decoded(response.headers)
        self.headers = folded(self.fields)
        self._stream = aiter(response.aiter_stream())

    async def some(self) -> bytes:
        try:
            while True:
                if chunk := await anext(self._stream):
                    return chunk
        except StopAsyncIteration:
            return b""
        except _ERRORS as error:
            raise _translated(self._request, error) from None

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._response.aclose()


class _CheckedBackend(httpcore.AsyncNetworkBackend):
    """Resolves a name, checks each address, and connects to the first that takes it."""

    def __init__(self, limits: ExecutorLimits) -> None:
        self._limits = limits
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises AddressRefusedError, httpcore.ConnectError."""
        try:
            found = await anyio.getaddrinfo(host, port, type=1)
        except OSError as error:
            raise httpcore.ConnectError from error
        failure: Exception = httpcore.ConnectError()
        for *_, place in found:
            address = ip_address(str(place[0]).partition("%")[0])
            why = addresses.refused_address(address, self._limits) or addresses.refused_port(
                address, port, self._limits
            )
            if why is not None:
                failure = AddressRefusedError(why)
                continue
            try:
                return await self._inner.connect_tcp(str(place[0]), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)


@asynccontextmanager
async def open_http2(limits: ExecutorLimits) -> AsyncIterator[Http2]:
    """The pools, as long as the block."""
    http2 = Http2(limits)
    try:
        yield http2
    finally:
        with anyio.CancelScope(shield=True):
            await http2.aclose()


_ERRORS: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
)


def _bytes(request: Outgoing) -> list[tuple[bytes, bytes]]:
    fields = [(name.encode("ascii"), value.encode()) for name, value in request.headers]
    if request.header("host") is None:
        fields.insert(0, (b"Host", request.target.authority.encode()))
    if request.content is not None or not request.safe:
        fields.append((b"Content-Length", str(len(request.content or b"")).encode()))
    return fields


def _proxy(route: Route) -> httpcore.Proxy | None:
    if route.proxy is None:
        return None
    secret = route.proxy_authorization
    headers = [] if secret is None else [(b"Proxy-Authorization", secret.encode())]
    return httpcore.Proxy(
        route.proxy.url, headers=headers, ssl_context=route.tls if route.proxy.scheme == "https" else None
    )


def _translated(request: Outgoing, error: Exception) -> ActionError:
    """An error of httpcore as ours, by its type alone: its text may hold anything."""
    if isinstance(error, AddressRefusedError):
        return failures.not_connected(request, error)
    if isinstance(error, httpcore.ConnectError | httpcore.ConnectTimeout):
        return failures.not_connected(request, _root(error))
    if isinstance(error, httpcore.ReadTimeout | httpcore.WriteTimeout):
        return failures.silent(request, SILENCE)
    if isinstance(error, httpcore.ProxyError):
        return failures.proxy_refused(request, 502)
    if isinstance(error, httpcore.RemoteProtocolError) and request.safe:
        return failures.broken_off(request)
    if isinstance(error, httpcore.LocalProtocolError):
        return failures.malformed(request, "in a way that HTTP/2 does not allow")
    return failures.broken_off(request)


def _root(error: BaseException) -> BaseException:
    """The innermost cause: the system's or OpenSSL's own error."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    return error
