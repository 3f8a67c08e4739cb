"""
What the doctor finds, for a page that anybody may load again and again.

    Settings → Health ──found()──► the findings of a minute ago at most ──older──► runner.daemon.doctor looks again

The doctor reads both databases whole: 0.4 s with 100,000 runs. `runner.daemon.access` makes one; `runner doctor` itself
always looks.
"""

from typing import Any, Final

import anyio

from runner.clock import Clock
from runner.daemon import doctor
from runner.daemon.doctor.finding import Patient

KEPT_SECONDS: Final = 60.0
"""How old findings may be."""


class Checkup:
    """Findings about one installation; who asks while the doctor looks waits for what it finds."""

    def __init__(self, patient: Patient, clock: Clock) -> None:
        self._patient = patient
        self._clock = clock
        self._looking = anyio.Lock()
        self._found: list[dict[str, Any]] = []
        self._until = 0.0

    async def found(self) -> list[dict[str, Any]]:
        """As `runner.daemon.doctor.found`."""
        async with self._looking:
            if not self._found or self._clock.monotonic() >= self._until:
                self._found = await doctor.found(self._patient)
                self._until = self._clock.monotonic() + KEPT_SECONDS
            return self._found
