"""
What a state asks for: the commands that `evolve` gives and `runner.engine.run` carries out.

Each is answered by one or more events for the same place, sooner or later; nothing is remembered but in the state, so
`runner.engine.outstanding` finds the same intents again after a restart. Two kinds are never equal, whatever they name.
"""

import msgspec

from runner.events import PhaseName


class Enter(msgspec.Struct, frozen=True):
    """
    An action or item may begin: test its `if`, read its list, begin its first attempt. → settled, expanded, started.
    """

    place: str


class Execute(msgspec.Struct, frozen=True):
    """An attempt has begun and wants its work done. → finished or parked."""

    place: str


class Retry(msgspec.Struct, frozen=True):
    """The next attempt begins at `at` (wall time). → started."""

    place: str
    at: float


class Await(msgspec.Struct, frozen=True):
    """It waits for a time, a child or a callback. → finished."""

    place: str


class Join(msgspec.Struct, frozen=True):
    """Every item has ended. → settled."""

    place: str


class NextPhase(msgspec.Struct, frozen=True):
    """A body goes on. → phase."""

    scope: str
    phase: PhaseName


class EndBody(msgspec.Struct, frozen=True):
    """A body has done all its phases. → finished of its group, or ended."""

    scope: str


class Interrupt(msgspec.Struct, frozen=True):
    """End it now. → finished or settled as cancelled."""

    place: str


Intent = Enter | Execute | Retry | Await | Join | NextPhase | EndBody | Interrupt
