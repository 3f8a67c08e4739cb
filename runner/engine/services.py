"""
What the engine was given by the composition root, handed on as one value.

Nothing in here is looked up anywhere else: no globals, no registry.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from runner.clock import Clock
from runner.engine.callbacks import Addresses
from runner.engine.context import Resolver, RunRedactor
from runner.engine.limits import EngineLimits
from runner.expressions.labels import Names
from runner.origins import Origin
from runner.ports import ActionType, EventSink, Executor, Redactor, Sealer, Store


class RedactorFamily(Redactor, Protocol):
    """The redactor of the vault, of which each run gets a child with the values that it alone knows."""

    def child(self) -> RunRedactor:
        """Masks all that its parent masks."""


class Destinations(Protocol):
    """Knows where secrets may be sent, and remembers where they were."""

    async def bound(self, names: Names, data: Sequence[bytes]) -> Mapping[str, Sequence[Origin]]:
        """The secrets among `names`, or with a value in `data`, that are bound to origins. Raises SecretError."""

    def sent(self, names: Names, to: str) -> None:
        """Something made of these secrets is on its way to this origin, in which nothing is secret as it is written."""

    def refused(self, secret: str, to: str, workflow: str) -> None:
        """A run of `workflow` was kept from sending it there; `to` as it may be shown."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Clock, store, secrets and where they may go, executors and bounds."""

    clock: Clock
    store: Store
    resolver: Resolver
    destinations: Destinations
    sealer: Sealer
    redactor: RedactorFamily
    sink: EventSink
    callbacks: Addresses
    types: Mapping[str, ActionType]
    executors: Mapping[str, Executor]
    limits: EngineLimits
    jitter: Callable[[], float] = random.random
    """From 0 to below 1: how much of a retry's delay is taken. No secret."""
