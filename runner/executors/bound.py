"""
Secrets that may go to some origins only: what is refused before anything leaves the machine.

    call.bound(names, bytes) ──► {secret: origins} ──refusal()──► None, or which may not go there and why

`runner.executors.http.departure` and `runner.executors.sql.departure` ask for everything that they are about to send;
an executor of another package may do the same.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from runner.expressions.labels import Names
from runner.origins import Origin, admitted

_TOLD: Final = 3
"""Origins that a message names."""

Bound = Mapping[str, Sequence[Origin]]


class Refusal(NamedTuple):
    """The secret that may not go `to` (as it may be shown), and `why`, as a sentence says it."""

    secret: str
    to: str
    why: str


def refusal(bound: Bound, named: Names, to: Origin | None, shown: str) -> Refusal | None:
    """
    Why something that holds the secrets of `bound` may not go to `to` (None: to what is no origin), or None.

    `named` are the secrets that the config names: others were found in what is sent. `shown` is what `to` is called.
    """
    for name, origins in bound.items():
        if to is None or not admitted(origins, to):
            why = f"{_what(name, named)} may be sent to {listed(origins)} only (allowed_hosts), not to {shown}"
            return Refusal(name, shown, why)
    return None


def refused_for(reason: str, bound: Bound, named: Names, shown: str) -> Refusal:
    """For whatever is held of the bound secrets; `reason` goes on after what that is."""
    name = next(iter(bound))
    return Refusal(name, shown, f"{_what(name, named)} {reason}")


def listed(origins: Sequence[Origin]) -> str:
    """Where a secret may go, in words."""
    more = f" and {len(origins) - _TOLD} more" if len(origins) > _TOLD else ""
    return ", ".join(map(str, origins[:_TOLD])) + more if origins else "no host"


def _what(name: str, named: Names) -> str:
    return f"the secret {name}" if name in named else f"what holds the value of the secret {name}"
