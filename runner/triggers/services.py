"""
What triggers were given by the composition root, as one value.

    dispatcher (submit, submit_awaited, end) · store (last, blob, firings) · resolver · sealer · redactor · clock

Each kind of trigger takes from it what it needs; nothing here does anything.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from runner.clock import Clock
from runner.engine.admission import Submission
from runner.engine.answers import Answers
from runner.engine.context import Resolver
from runner.engine.dispatcher import Awaited
from runner.events import Ended
from runner.ports import Admitted, ExecutorLimits, Redactor, Sealer, Store

Refused = Callable[[str, str, str], object]


def _uncounted(kind: str, workflow: str, reason: str) -> None:
    """Nobody counts."""


class Dispatcher(Protocol):
    """What is needed of `runner.engine.dispatcher`."""

    async def submit(self, submission: Submission) -> Admitted:
        """Accept a run, durably. Raises RefusedError, StoreDegradedError."""

    @property
    def answers(self) -> Answers:
        """What runs ask, and how they are answered."""

    async def submit_awaited(self, submission: Submission) -> Awaited:
        """The same for one who goes on to `end`."""

    async def end(self, awaited: Awaited) -> Ended:
        """How an accepted run ended, once it has. Raises RefusedError, StoreError."""


class TriggerServices(msgspec.Struct, frozen=True, kw_only=True):
    """
    Who starts runs, who knows the last ones, what secrets are. `base` is where the runs' pages are, or empty;
    `limits` bounds where keys for tokens may be fetched from. `refused` counts: kind of trigger, workflow, reason.
    """

    clock: Clock
    dispatcher: Dispatcher
    store: Store
    resolver: Resolver
    sealer: Sealer
    redactor: Redactor
    refused: Refused = _uncounted
    limits: ExecutorLimits = ExecutorLimits()
    base: str = ""
