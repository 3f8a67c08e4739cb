"""
What a port allows its clients: how many connections, how large and how slow a request may be.

    connection ──► head ──► body ──► answer ──┐       each phase has its time; who is over it is answered and cut off
                    ▲                         │
                    └────── idle ◄────────────┘       where all places are taken, the longest idle one goes

uvicorn bounds neither the size nor the time of a request's head, and answers everybody 503 once too many connections
are open, idle ones included. `GuardedProtocol` adds these bounds to its HTTP protocol; `runner.web.asgi` serves with
it and lets `Guard.sweep` run once a second. What an application answers is not known here.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, Literal

import anyio
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from runner.problems import PROBLEM_TYPE, problem_document

SWEEP_SECONDS: Final = 1.0
_LINGER_SECONDS: Final = 2.0
"""How long a client that was cut off may go on sending, so that it gets to read why."""

Phase = Literal["head", "body", "done", "refused"]


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one port allows. Sizes in bytes, times in seconds.

    A body may take `body_seconds`, and longer as long as it comes at `body_rate` bytes a second. `stall_seconds`: how
    long a client may read nothing of its answer.
    """

    connections: int = 10_000
    head_bytes: int = 64_000
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    body_rate: float = 1000.0
    idle_seconds: int = 75
    stall_seconds: float = 30.0


class Guard:
    """The connections of one port. `now` is the loop's time, as of the last sweep."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.now = asyncio.get_running_loop().time()
        self.all: set[GuardedProtocol] = set()
        self.idle: dict[GuardedProtocol, None] = {}
        """Those that no answer is made for, the longest idle first: their next head is not here, or not whole."""
        self.sending: dict[GuardedProtocol, None] = {}
        """Those whose body is not here yet, the oldest first."""

    def enter(self, protocol: "GuardedProtocol") -> bool:
        """Take a connection in; where there is no place, make one. False: every client here is being answered."""
        self.all.add(protocol)
        if len(self.all) > self.bounds.connections:
            given_up = next(iter(self.idle), None) or next(iter(self.sending), None)
            if given_up is None:
                return False
            given_up.abort()
        self.idle[protocol] = None
        return True

    def leave(self, protocol: "GuardedProtocol") -> None:
        """The connection is gone."""
        self.all.discard(protocol)
        self.idle.pop(protocol, None)
        self.sending.pop(protocol, None)

    async def sweep(self) -> None:
        """Look after everybody once a second, as long as the port is open."""
        loop = asyncio.get_running_loop()
        while True:
            await anyio.sleep(SWEEP_SECONDS)
            self.now = loop.time()
            for protocol in list(self.all):
                protocol.look(self.now)


class GuardedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *, guard: Guard, **given: Any) -> None:
        super().__init__(**given)
        self._guard = guard
        self._phase: Phase = "head"
        self._since = guard.now
        self._head_bytes = 0
        self._wire_bytes = 0
        self._body_bytes = 0
        self._stalled: float | None = None

    def abort(self) -> None:
        """Hang up at once."""
        self._guard.leave(self)
        self.transport.abort()

    def look(self, now: float) -> None:
        """Cut the client off where it is too slow."""
        bounds, waited = self._guard.bounds, now - self._since
        if self._stalled is not None and now - self._stalled > bounds.stall_seconds:
            self.abort()
        elif self._phase == "refused":
            if waited > _LINGER_SECONDS:
                self.abort()
        elif self.transport.is_closing():
            self._stalled = now if self._stalled is None else self._stalled
        elif self._phase == "head" and waited > bounds.head_seconds and not self._is_answering:
            self.refuse(408, f"the head of a request has {bounds.head_seconds:g} seconds to arrive")
        elif self._phase == "body" and not self.flow.read_paused and waited > self._body_time:
            rate = f"{bounds.body_rate:g} bytes a second"
            self.refuse(408, f"a body has {bounds.body_seconds:g} seconds, and more as long as it comes at {rate}")

    def refuse(self, status: int, detail: str) -> None:
        """Answer with a problem where no answer was begun, and read no further; the client may still read."""
        self._guard.leave(self)
        self._guard.all.add(self)
        self._phase, self._since = "refused", self._guard.now
        self._unset_keepalive_if_required()
        if self._is_answering:
            if self.cycle.response_started:
                self.abort()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(_answer(status, detail))
        self.transport.write_eof()

    @property
    def _is_answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    @property
    def _body_time(self) -> float:
        return self._guard.bounds.body_seconds + self._body_bytes / self._guard.bounds.body_rate

    # --------------------------------------------------------------------------------------- what the transport tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own annotation
        """A client connects."""
        super().connection_made(transport)
        if not self._guard.enter(self):
            self.refuse(503, "too many clients are being answered; try again soon")

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, by whomever."""
        self._guard.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came in: what they are is the parser's to say."""
        if self._phase == "refused":
            return
        if self._phase == "done":
            self._phase, self._since = "head", self._guard.now
        self._wire_bytes += len(data)
        if self._phase == "head":
            self._head_bytes += len(data)
        super().data_received(data)
        if self._phase == "head" and self._head_bytes > self._guard.bounds.head_bytes:
            self._refuse_head()
        elif self._phase == "body" and self._wire_bytes - 8 * self._body_bytes > 2 * self._guard.bounds.head_bytes:
            self.refuse(400, "the body's chunks are framed by more than they hold")

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        self._stalled = self._guard.now
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._stalled = None
        super().resume_writing()

    # ------------------------------------------------------------------------------------------ what the parser tells

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._phase == "done":  # a pipelined one
            self._phase, self._since = "head", self._guard.now
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field of the head; what comes behind a body is framing, and no header."""
        if self._phase == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there: the application is asked."""
        if self._phase == "refused":
            return
        if self._head_bytes > self._guard.bounds.head_bytes:  # of which a part may be the body
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._guard.bounds.head_bytes:
                self._refuse_head()
                return
        self._phase, self._since = "body", self._guard.now
        self._head_bytes = self._wire_bytes = self._body_bytes = 0
        self._guard.idle.pop(self, None)
        self._guard.sending[self] = None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._phase != "refused":
            self._body_bytes += len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here whole."""
        if self._phase != "refused":
            self._phase = "done"
            self._guard.sending.pop(self, None)
            super().on_message_complete()

    # ------------------------------------------------------------------------------------------- what uvicorn answers

    def on_response_complete(self) -> None:
        """The answer is written."""
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._guard.idle[self] = None
            self._since = self._guard.now

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's sentence says less
        """What is no HTTP at all."""
        self.refuse(400, "what was sent is no HTTP/1.1 request")

    def _refuse_head(self) -> None:
        self.refuse(431, f"the head of a request may hold {self._guard.bounds.head_bytes} bytes (limits.headers_size)")


def guarded(guard: Guard) -> Callable[..., asyncio.Protocol]:
    """What makes the protocol of each connection, as uvicorn asks for it."""

    def made(**given: Any) -> asyncio.Protocol:
        return GuardedProtocol(guard=guard, **given)

    return made


def _answer(status: int, detail: str) -> bytes:
    document = problem_document(status, detail)
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"content-type: {PROBLEM_TYPE}",
        f"content-length: {len(document)}",
        *(("retry-after: 5",) if status == HTTPStatus.SERVICE_UNAVAILABLE else ()),
        "connection: close",
    ]
    return "\r\n".join((*lines, "\r\n")).encode() + document
