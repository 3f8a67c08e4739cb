"""
What a store hands back at once and settles later: the promise of an append, or the answer of a job.

    append() ──► Pending ──(batch committed, one wake-up of the loop)── settle() ──► callbacks, awaiting tasks

A `Pending[None]` is a `runner.ports.Durable`. It is much lighter than a future of `concurrent.futures`, which takes a
lock and a condition for each, and unlike an `asyncio.Future` it cannot be cancelled by one of those who await it. It
belongs to one event loop and has no lock: the stores make and settle it on that loop alone.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar, cast

Answer = TypeVar("Answer")


class Pending(Generic[Answer]):
    """Not done, done with an answer, or done with an error."""

    __slots__ = ("_answer", "_callbacks", "_done", "_error")

    def __init__(self) -> None:
        self._done = False
        self._answer: Answer | None = None
        self._error: Exception | None = None
        self._callbacks: list[Callable[[Pending[Answer]], object]] | None = None

    def done(self) -> bool:
        """Whether it was settled."""
        return self._done

    def result(self) -> Answer:
        """The answer. Raises the error that it was settled with, InvalidStateError where it was not settled."""
        if not self._done:
            raise asyncio.InvalidStateError("not on disk yet")
        if self._error is not None:
            raise self._error
        return cast("Answer", self._answer)

    def exception(self) -> Exception | None:
        """The error that it was settled with, if it was."""
        return self._error

    def add_done_callback(self, callback: Callable[["Pending[Answer]"], object]) -> None:
        """Call `callback` when it is settled; at once where it is already. Callbacks are called in their order."""
        if self._done:
            callback(self)
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    def settle(self, answer: Answer, error: Exception | None = None) -> None:
        """End it and call back; what a callback raises is the loop's to report and keeps nobody else waiting."""
        self._done, self._answer, self._error = True, answer, error
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            try:
                callback(self)
            except Exception as raised:  # noqa: BLE001 - the others of the batch must hear of their end all the same
                context = {"message": f"{callback!r} raised when an append was on disk", "exception": raised}
                asyncio.get_running_loop().call_exception_handler(context)

    def fail(self, error: Exception) -> None:
        """End it with an error."""
        self.settle(cast("Answer", None), error)

    def __await__(self) -> Generator[Any, None, Answer]:
        """Wait until it is settled. Whoever is cancelled in here leaves it as it is."""
        if not self._done:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.add_done_callback(lambda _: None if waiter.done() else waiter.set_result(None))
            yield from waiter
        return self.result()
