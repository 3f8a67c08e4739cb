"""
HTTP/1.1 over aiohttp's connection pool, which carries several times the requests a second of httpx's own.

    Outgoing + Route ──open()──► Incoming (status and headers are there) ──some()──► its body

Connections live as long as the daemon's block and are keyed by host, TLS context and proxy. Nothing is read from the
environment (proxies, netrc), no cookie is kept, no redirect followed, no body decompressed here. Each socket's
address is checked as it is connected to. A request that is cancelled, or not read to its end, costs its connection
and no other. `runner.executors.http.exchange` calls this; `http2` is its sibling for `http2: true`.
"""

import socket
import ssl
from asyncio import Future
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

import aiohttp
from aiohttp import http_exceptions
from multidict import CIMultiDict
from yarl import URL

from runner.errors import ActionError
from runner.executors import addresses
from runner.executors.http import failures
from runner.executors.http.failures import AddressRefusedError
from runner.executors.http.headers import MAX_SIZE, Fields
from runner.executors.http.incoming import Incoming, decoded, folded
from runner.executors.http.outgoing import Outgoing
from runner.executors.http.target import Target
from runner.expressions.labels import Names
from runner.ports import ExecutorLimits

CONNECTIONS: Final = 1000
"""
In all; one more waits for another to end. No bound a host: a request holds one connection at a time, so none can
deadlock.
"""
SILENCE: Final = 300.0
"""Seconds without a byte after which an answer is given up, whatever the action's timeout."""
KEEP: Final = 15.0
"""Seconds that an idle connection is kept."""
_SYN_RETRIES: Final = 4
"""About 30 s until a host that does not answer is given up."""


class Route(NamedTuple):
    """
    How a request gets there: the TLS context, and the proxy with its `Proxy-Authorization`, if any. `proxy_names` are
    the secrets that the proxy's address was made of.
    """

    tls: ssl.SSLContext
    proxy: Target | None = None
    proxy_authorization: str | None = None
    proxy_names: Names = frozenset()


class Http1:
    """Sends requests over a session of aiohttp."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def open(self, request: Outgoing, route: Route) -> Incoming:
        """Send it and wait for status and headers. Raises ActionError."""
        headers = CIMultiDict(request.headers)
        proxy = {} if route.proxy is None else _through(route, request, headers)
        try:
            response = await self._session.request(
                request.method,
                URL(request.target.url, encoded=True),
                headers=headers,
                data=request.content,
                allow_redirects=False,
                ssl=route.tls,
                **proxy,
            )
        except (aiohttp.ClientError, http_exceptions.HttpProcessingError, OSError, ValueError) as error:
            raise _translated(request, error) from None
        if sum(len(name) + len(value) for name, value in response.raw_headers) > MAX_SIZE:
            response.close()
            raise _headers_too_large(request)
        return _Answer(request, response)


class _Answer:
    """One answer of aiohttp."""

    def __init__(self, request: Outgoing, response: aiohttp.ClientResponse) -> None:
        self._request = request
        self._response = response
        self.status = response.status
        self.fields: Fields = decoded(response.raw_headers)
        self.headers = folded(self.fields)
        self._protocol = None if response.connection is None else response.connection.protocol
        self._end = None if self._protocol is None else self._protocol.closed
        if self._end is not None:
            self._end.add_done_callback(self._connection_ended)

    async def some(self) -> bytes:
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, http_exceptions.HttpProcessingError, OSError) as error:
            raise _translated(self._request, error) from None

    async def aclose(self) -> None:
        if self._end is not None:
            self._end.remove_done_callback(self._connection_ended)
        self._response.release()

    def _connection_ended(self, _: Future[None]) -> None:
        """Wake whoever waits for more of the body: where a chunk was malformed, aiohttp does not."""
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            malformed = None if self._protocol is None else self._protocol.exception()
            content.set_exception(malformed or aiohttp.ServerDisconnectedError())


@asynccontextmanager
async def open_http1(limits: ExecutorLimits) -> AsyncIterator[Http1]:
    """The pool, as long as the block."""
    connector = aiohttp.TCPConnector(
        limit=CONNECTIONS,
        limit_per_host=0,
        keepalive_timeout=KEEP,
        socket_factory=lambda info: checked_socket(info, limits),
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=SILENCE),
        max_line_size=MAX_SIZE,
        max_field_size=MAX_SIZE,
        max_headers=1000,
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
    ) as session:
        yield Http1(session)


def checked_socket(info: tuple[Any, ...], limits: ExecutorLimits) -> socket.socket:
    """
    A socket for an address that may be connected to; `info` as `getaddrinfo` gives it. Raises AddressRefusedError.
    """
    family, kind, protocol, _, place = info
    address = ip_address(place[0].partition("%")[0])
    why = addresses.refused_address(address, limits) or addresses.refused_port(address, place[1], limits)
    if why is not None:
        raise AddressRefusedError(why)
    opened = socket.socket(family, kind, protocol)
    if hasattr(socket, "TCP_SYNCNT"):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, _SYN_RETRIES)
    return opened


def _translated(request: Outgoing, error: Exception) -> ActionError:
    """An error of aiohttp as ours, by its type alone: its text may hold anything."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return failures.no_address(request)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return failures.not_connected(request, error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return failures.not_connected(
            request, error.os_error, proxy=isinstance(error, aiohttp.ClientProxyConnectionError)
        )
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return failures.proxy_refused(request, error.status)
    if isinstance(error, aiohttp.ServerTimeoutError):
        return failures.silent(request, SILENCE)
    cause = error.__cause__ or error
    if isinstance(cause, http_exceptions.LineTooLong) or _says_too_long(error):
        return _headers_too_large(request)
    if isinstance(error, aiohttp.ClientResponseError | http_exceptions.HttpProcessingError):
        return failures.malformed(request, "what is not HTTP")
    return failures.broken_off(request)


def _through(route: Route, request: Outgoing, headers: CIMultiDict[str]) -> dict[str, Any]:
    """
    What aiohttp is told of the proxy; its credentials go with CONNECT, or with a plain request where there is none.
    """
    assert route.proxy is not None
    own = {"Proxy-Authorization": route.proxy_authorization} if route.proxy_authorization else {}
    if request.target.scheme == "http":
        headers.update(own)
    return {"proxy": URL(route.proxy.url, encoded=True), "proxy_headers": own}


def _headers_too_large(request: Outgoing) -> ActionError:
    return failures.too_large(request, f"headers of more than {MAX_SIZE:,} bytes")


def _says_too_long(error: Exception) -> bool:
    return isinstance(error, aiohttp.ClientResponseError) and "Got more than" in error.message
