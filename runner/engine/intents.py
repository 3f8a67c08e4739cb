"""
What a state asks for: the commands that `evolve` gives and `runner.engine.run` carries out.

Each is answered by one or more events for the same place, sooner or later; nothing is remembered but in the state, so
`runner.engine.evolve.outstanding` finds the same intents again after a restart.
"""

from typing import NamedTuple

from runner.events import PhaseName


class Enter(NamedTuple):
    """
    An action or item may begin: test its `if`, read its list, begin its first attempt. → settled, expanded, started.
    """

    place: str


class Execute(NamedTuple):
    """An attempt has begun and wants its work done. → finished or parked."""

    place: str


class Retry(NamedTuple):
    """The next attempt begins at `at` (wall time). → started."""

    place: str
    at: float


class Await(NamedTuple):
    """It waits for a time, a child or a callback. → finished."""

    place: str


class Join(NamedTuple):
    """Every item has ended. → settled."""

    place: str


class NextPhase(NamedTuple):
    """A body goes on. → phase."""

    scope: str
    phase: PhaseName


class EndBody(NamedTuple):
    """A body has done all its phases. → finished of its group, or ended."""

    scope: str


class Interrupt(NamedTuple):
    """End it now. → finished or settled as cancelled."""

    place: str


Intent = Enter | Execute | Retry | Await | Join | NextPhase | EndBody | Interrupt
