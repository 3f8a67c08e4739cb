"""
The `http` executor: one attempt from its config to its value.

    config ──outgoing──► request ──exchange (auth, redirects, body)──► Result
                  └──────────────── paginate: once for each page ───────────┘

The engine calls `execute`; `open_http` keeps pool, TLS contexts and tokens for the life of the daemon. Nothing about
an attempt is kept here between two of them.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from runner.clock import Clock, SystemClock
from runner.errors import PermanentError
from runner.executors.http import body, outgoing, paginate
from runner.executors.http.auth import choose
from runner.executors.http.auth.flow import basic
from runner.executors.http.auth.grant import Send
from runner.executors.http.auth.tokens import MemoryTokens, Tokens
from runner.executors.http.config import HttpConfig
from runner.executors.http.exchange import SUCCESS, Exchange, Transport
from runner.executors.http.http2 import Http2, open_http2
from runner.executors.http.outgoing import Outgoing
from runner.executors.http.scalars import FieldError
from runner.executors.http.target import TargetError
from runner.executors.http.tls import Trust, Wanted
from runner.executors.http.transport import Http1, Route, open_http1
from runner.ports import Call, ExecutorLimits, Result, TokenCache
from runner.secret import names_in, reveal


class HttpExecutor:
    """Carries out attempts of `http` actions."""

    def __init__(self, http1: Http1, http2: Http2, limits: ExecutorLimits, tokens: Tokens, clock: Clock) -> None:
        self._http1 = http1
        self._http2 = http2
        self._limits = limits
        self._trust = Trust(limits)
        self._tokens = tokens
        self._clock = clock

    async def execute(self, config: HttpConfig, call: Call) -> Result:
        """One attempt: `{status, headers, body}`. Raises TemporaryError or PermanentError."""
        try:
            return await self._execute(config, call)
        except (FieldError, TargetError) as error:
            raise PermanentError(str(error), kind="config") from None

    async def _execute(self, config: HttpConfig, call: Call) -> Result:
        content = await body.content(config, self._limits)
        request = outgoing.build(config, content, "" if config.method in outgoing.SAFE else call.idempotency_key())
        route = await self._route(config)
        transport: Transport = self._http2 if config.http2 else self._http1
        exchange = Exchange(
            transport,
            route,
            call,
            self._limits,
            expect=config.expect or SUCCESS,
            follow=config.follow_redirects,
            flow=choose.flow(config.auth, request.user, self._tokens, self._sender(route, call)),
            most=self._limits.max_response_size if config.max_response_size is None else config.max_response_size,
            now=self._clock.wall(),
        )
        if config.paginate is None:
            return (await exchange.fetch(request))[0]

        def page(number: int) -> Outgoing:
            return request if number == 0 else outgoing.build(config, content, call.idempotency_key(number))

        return await paginate.collect(config, page, exchange.fetch, call)

    async def _route(self, config: HttpConfig) -> Route:
        tls = await self._trust.context(Wanted(config.verify, config.client_certificate, config.http2))
        if config.proxy is None:
            return Route(tls)
        proxy = outgoing.locate(reveal(config.proxy), "proxy")
        user = outgoing.user_of(proxy.user)
        authorization = None if user is None else basic(*user)
        return Route(tls, proxy._replace(user="", path="/", query=""), authorization, names_in(config.proxy))

    def _sender(self, route: Route, call: Call) -> Send:
        """Sends token requests: HTTP/1.1 on the action's route, nothing followed; only 2xx is good."""

        async def send(request: Outgoing) -> Result:
            exchange = Exchange(
                self._http1, route, _Quiet(call), self._limits, follow=False, most=1_000_000, now=self._clock.wall()
            )
            return (await exchange.fetch(request))[0]

        return send


class _Quiet:
    """Stands for the call where a token is asked for: that changes nothing which an attempt has to answer for."""

    def __init__(self, call: Call) -> None:
        self.bound = call.bound
        self.sending = call.sending
        self.refused = call.refused

    def leaving(self) -> None:
        """Nothing to tell."""


@asynccontextmanager
async def open_http(
    limits: ExecutorLimits, *, tokens: TokenCache | None = None, clock: Clock | None = None
) -> AsyncIterator[HttpExecutor]:
    """The executor, as long as the block. `tokens` keeps what OAuth2 gave; by default in memory."""
    time = clock or SystemClock()
    async with AsyncExitStack() as stack:
        http1 = await stack.enter_async_context(open_http1(limits))
        http2 = await stack.enter_async_context(open_http2(limits))
        yield HttpExecutor(http1, http2, limits, Tokens(tokens or MemoryTokens(), time), time)
