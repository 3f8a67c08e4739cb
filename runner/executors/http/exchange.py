"""
One request and its answer: refused hosts, secrets that may not leave, authentication, redirects, the body under its
bound, what was expected.

    Outgoing ──► [authorize] ──► may it leave? ──► open ──► 401? once more ──► redirect? again ──► read ──► Result

`runner.executors.http.executor` makes one `Exchange` for an attempt and calls `fetch` for each page. Connections are
given back or dropped here whatever happens.
"""

from typing import Any, Final, Protocol

from runner.errors import ActionError, ExpressionError, PermanentError
from runner.executors import addresses
from runner.executors.http import departure, failures, incoming, labels, media, redirects
from runner.executors.http.auth.flow import Flow
from runner.executors.http.config import Expect
from runner.executors.http.departure import Departing
from runner.executors.http.incoming import EncodingError, Incoming, TooLargeError
from runner.executors.http.outgoing import Outgoing
from runner.executors.http.transport import Route
from runner.expressions.labels import Labelled, mask
from runner.expressions.template import Deferred
from runner.ports import ExecutorLimits, Result

SUCCESS: Final = Expect(((200, 299),))
FAILED: Final = 400
"""The first status that says something is wrong."""


class Transport(Protocol):
    """What sends a request: `transport.Http1`, `http2.Http2`."""

    async def open(self, request: Outgoing, route: Route) -> Incoming:
        """Send it and wait for status and headers. Raises ActionError."""


class Leaving(Departing, Protocol):
    """The part of a `Call` that an exchange needs."""

    def leaving(self) -> None:
        """Something that may change the outer world is about to be sent."""


class Exchange:
    """
    What does not change between the pages of an attempt.

    `most` bounds a body in bytes; `flow` proves who sends; `now` is wall time, for dates in `Retry-After`.
    """

    def __init__(
        self,
        transport: Transport,
        route: Route,
        call: Leaving,
        limits: ExecutorLimits,
        *,
        expect: Expect = SUCCESS,
        follow: bool = True,
        flow: Flow | None = None,
        most: int,
        now: float,
    ) -> None:
        self._transport = transport
        self._route = route
        self._call = call
        self._limits = limits
        self._expect = expect
        self._follow = follow
        self._flow = flow
        self._most = most
        self._now = now

    async def fetch(self, request: Outgoing) -> tuple[Result, Outgoing]:
        """
        The answer `{status, headers, body}`, labelled, and the request that it answered at last. Raises
        ActionError.
        """
        answer, last = await self._followed(request)
        try:
            return await self._read(answer, last), last
        finally:
            await answer.aclose()

    async def _followed(self, request: Outgoing) -> tuple[Incoming, Outgoing]:
        for _ in range(redirects.MAX_REDIRECTS + 1):
            answer = await self._answered(request)
            try:
                following = redirects.following(request, answer.status, answer.headers) if self._follow else None
            except ActionError:
                await answer.aclose()
                raise
            if following is None:
                return answer, request
            await answer.aclose()
            request = following
        raise redirects.too_many(request)

    async def _answered(self, request: Outgoing) -> Incoming:
        if self._flow is None:
            return await self._opened(request)
        answer = await self._opened(await self._flow.authorize(request))
        if answer.status == 401:  # noqa: PLR2004  Unauthorized
            try:
                again = await self._flow.challenged(request, answer.status, answer.fields)
            except BaseException:
                await answer.aclose()
                raise
            if again is not None:
                await answer.aclose()
                return await self._opened(again)
        return answer

    async def _opened(self, request: Outgoing) -> Incoming:
        if self._route.proxy is not None and (why := addresses.refused_host(request.target.host, self._limits)):
            raise PermanentError(f"{request.name} leads to {why}", kind="refused", effect=request.before)
        await departure.check(request, self._route, self._call)
        if not request.safe:
            self._call.leaving()
        return await self._transport.open(request, self._route)

    async def _read(self, answer: Incoming, request: Outgoing) -> Result:
        if not self._expect.admits(answer.status):
            raise await self._unexpected(answer, request)
        try:
            body = await incoming.read(answer, self._most)
            read = media.lenient if self._expect.test is not None and answer.status >= FAILED else media.value
            value = read(body, answer.headers.get("content-type"))
        except TooLargeError:
            raise failures.too_large(request, f"more than max_response_size ({self._most:,} bytes)") from None
        except EncodingError as error:
            raise failures.malformed(request, f"with a body that cannot be read: {error}", request.done) from None
        except media.MalformedError as error:
            raise failures.malformed(request, f"{answer.status} with a body that {error}", request.done) from None
        result = self._labelled(answer, value, body)
        if self._expect.test is not None and not self._passes(result, request, self._expect.test):
            raise self._failed_test(answer, request, result)
        return result

    def _passes(self, result: Result, request: Outgoing, test: Deferred) -> bool:
        try:
            return bool(test.test(Labelled(result.value, result.labels)))
        except ExpressionError as error:
            raise PermanentError(f"expect: {error}", kind="expression", effect=request.done) from None

    def _failed_test(self, answer: Incoming, request: Outgoing, result: Result) -> ActionError:
        shown = mask(Labelled(result.value, result.labels))
        if answer.status >= FAILED:
            return failures.of_status(request, answer.status, shown, self._now)
        facts = {**shown, "body": failures.shortened(shown["body"])}
        message = f"{request.name} answered {answer.status}, but `expect` is false for it"
        return PermanentError(message, kind="expect", effect=request.done, facts=facts)

    async def _unexpected(self, answer: Incoming, request: Outgoing) -> ActionError:
        try:
            body = await incoming.read(answer, failures.FACTS_SIZE, cut=True)
        except (EncodingError, ActionError):
            body = b""
        value = media.lenient(body, answer.headers.get("content-type"))
        result = self._labelled(answer, value, body)
        return failures.of_status(request, answer.status, mask(Labelled(result.value, result.labels)), self._now)

    def _labelled(self, answer: Incoming, body: Any, raw: bytes) -> Result:
        value = {"status": answer.status, "headers": answer.headers, "body": body}
        tokens = () if self._flow is None else self._flow.tokens
        return Result(value, labels.secret_parts(value, raw, tokens))
