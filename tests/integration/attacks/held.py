"""
A vault's content without its file, so that a test binds a secret to the origins that its servers happen to have.

    destinations({"KEY": (CANARY, [server.origin])})   the daemon's own `Destinations` over it
"""

from collections.abc import Mapping, Sequence

from runner.clock import SystemClock
from runner.secrets.content import NOTHING, SecretInfo, VersionInfo
from runner.secrets.destinations import Destinations
from runner.secrets.policy import Policy
from runner.secrets.seen import Sightings
from runner.secrets.use_log import UseLog

CANARY = "Canary-7f3a9b/Secret+value"

VERSIONS = (VersionInfo(1, 0.0, "", is_current=True, given_for_less=()),)

Bindings = Mapping[str, tuple[str, Sequence[str] | None]]


class Held:
    """Secrets by name: the value and the allowed hosts, None for every host."""

    def __init__(self, bindings: Bindings) -> None:
        self.generation = 0
        self.put(bindings)

    def put(self, bindings: Bindings) -> None:
        """Hold these from now on."""
        self.generation += 1
        infos = {
            name: SecretInfo(name, 1, 0.0, 0.0, VERSIONS, Policy(allowed_hosts=None if hosts is None else tuple(hosts)))
            for name, (_, hosts) in bindings.items()
        }
        values = {name: value for name, (value, _) in bindings.items()}
        every = {name: (value,) for name, value in values.items()}
        self.content = NOTHING._replace(infos=infos, current=values, every=every)

    async def refresh(self) -> None:
        """Nobody else changes it."""


def destinations(bindings: Bindings, seen: Sightings | None = None) -> Destinations:
    """What the engine asks, over these secrets."""
    return Destinations(Held(bindings), seen or Sightings(SystemClock()), UseLog(None, SystemClock()))
