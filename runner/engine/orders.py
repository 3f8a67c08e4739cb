"""
What the dispatcher tells a run: a place of it is due, or it is to end, somebody answers it.

    Dispatcher ──Wake, Cancel, Answer──► Conductor.tell() ──► carried out in the run's own task
                                       └─► read too late (the run has ended): too_late()

An order that a run did not read before it went to rest is given again (`runner.engine.live`), so none is lost. It holds
what its giver waits for; it knows nothing of slots.
"""

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

import anyio

from runner.engine.callbacks import Asked
from runner.errors import RunnerError
from runner.events import CancelReason
from runner.ports import Durable


class Ordered(Protocol):
    """What a run can be told. `runner.engine.run.Conductor` is it."""

    def woken(self, place: str) -> Awaitable[None]:
        """A place is due."""

    def cancelled(self, why: CancelReason, by: str) -> Durable | None:
        """End the run; the promise that this is on disk, None where it has ended."""

    async def answered(self, asked: Asked, given: Mapping[str, Any], by: str) -> Durable | None:
        """Journal an answer; the promise that this is on disk. Raises RunnerError."""


class Order(Protocol):
    """Something to tell a run."""

    def carry_out(self, run: Ordered) -> Awaitable[None] | None:
        """In the run's own task, while it is live."""

    def too_late(self) -> None:
        """The run had ended before."""


class Wake:
    """A parked place has come due, or its signal is there."""

    def __init__(self, place: str) -> None:
        self._place = place

    def carry_out(self, run: Ordered) -> Awaitable[None] | None:
        """Look at the place."""
        return run.woken(self._place)

    def too_late(self) -> None:
        """An ended run waits for nothing."""


class Cancel:
    """The run is to end. Once `heard`, `durable` is the promise that this is on disk; None: the run had ended."""

    def __init__(self, why: CancelReason, by: str = "") -> None:
        self.heard = anyio.Event()
        self.durable: Durable | None = None
        self._why: CancelReason = why
        self._by = by

    def carry_out(self, run: Ordered) -> Awaitable[None] | None:
        """Journal it; what goes on is ended after that."""
        self.durable = run.cancelled(self._why, self._by)
        self.heard.set()
        return None

    def too_late(self) -> None:
        """Nothing was cancelled."""
        self.heard.set()


class Answer:
    """
    Somebody answers a question of the run. Once `heard`, `durable` is the promise that the answer is on disk, or
    `error` says why it is none; neither: the run had ended.
    """

    def __init__(self, asked: Asked, given: Mapping[str, Any], by: str) -> None:
        self.asked = asked
        self.heard = anyio.Event()
        self.begun = False
        self.durable: Durable | None = None
        self.error: RunnerError | None = None
        self._given = given
        self._by = by
        self._withdrawn = False

    def withdraw(self) -> bool:
        """Have it not carried out any more; False where that is too late."""
        self._withdrawn = not self.begun
        return self._withdrawn

    async def carry_out(self, run: Ordered) -> None:
        """Journal it, unless it was withdrawn."""
        if self._withdrawn:
            return
        self.begun = True
        try:
            self.durable = await run.answered(self.asked, self._given, self._by)
        except RunnerError as error:
            self.error = error
        finally:
            self.heard.set()

    def too_late(self) -> None:
        """Nobody asks any more."""
        self.heard.set()
