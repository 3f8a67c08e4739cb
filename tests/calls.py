"""
What the `Call`s of tests have in common: where secrets may go is what the test's destinations say.
"""

from collections.abc import Mapping, Sequence

from runner.engine.services import Destinations
from runner.origins import Origin


class BoundCall:
    """A `Call` that hands its questions on to `destinations`."""

    workflow: str
    destinations: Destinations

    async def bound(self, names: frozenset[str], data: Sequence[bytes] = ()) -> Mapping[str, Sequence[Origin]]:
        """As the test has bound them."""
        return await self.destinations.bound(names, data)

    def sending(self, names: frozenset[str], to: Origin) -> None:
        """Remembered."""
        self.destinations.sent(names, str(to))

    def refused(self, secret: str, to: str) -> None:
        """Remembered."""
        self.destinations.refused(secret, to, self.workflow)
