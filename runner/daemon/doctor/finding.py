"""
What a check is given and what it says.

    Patient ──check()──► Finding …

`runner.daemon.doctor` runs the checks; those who show findings know nothing else of them.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Literal, NamedTuple, Protocol

import msgspec

from runner.clock import Clock
from runner.settings import Loaded


class Finding(msgspec.Struct, frozen=True):
    """What a check found. `cure` is the one thing to do, empty where `state` is ok."""

    name: str
    state: Literal["ok", "warning", "error"]
    what: str
    cure: str = ""


class Patient(NamedTuple):
    """The installation that is looked at. `is_running`: a daemon answers at its control socket."""

    loaded: Loaded
    environ: Mapping[str, str]
    clock: Clock
    is_running: bool


class Check(Protocol):
    """One thing that is looked at."""

    __name__: str

    def __call__(self, patient: Patient) -> AsyncIterator[Finding]:
        """What was found. Changes nothing."""
