"""
What the engine was given by the composition root, handed on as one value.

Nothing in here is looked up anywhere else: no globals, no registry.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from runner.clock import Clock
from runner.engine.context import Callbacks, Resolver, RunRedactor
from runner.engine.limits import EngineLimits
from runner.ports import ActionType, EventSink, Executor, Redactor, Sealer, Store


class RedactorFamily(Redactor, Protocol):
    """The redactor of the vault, of which each run gets a child with the values that it alone knows."""

    def child(self) -> RunRedactor:
        """Masks all that its parent masks."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Clock, store, secrets, executors and bounds."""

    clock: Clock
    store: Store
    resolver: Resolver
    sealer: Sealer
    redactor: RedactorFamily
    sink: EventSink
    callbacks: Callbacks
    types: Mapping[str, ActionType]
    executors: Mapping[str, Executor]
    limits: EngineLimits
