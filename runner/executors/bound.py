"""
Secrets that may go to some origins only: what is refused before anything leaves the machine.

    call.bound(names, bytes) ──► {secret: origins} ──refusal()──► None, or why they may not go there

`runner.executors.http.departure` and `runner.executors.sql.departure` ask for everything that they are about to send;
an executor of another package may do the same.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from runner.expressions.labels import Names
from runner.origins import Origin, admitted

_TOLD: Final = 3
"""Origins that a message names."""

Bound = Mapping[str, Sequence[Origin]]


def refusal(bound: Bound, named: Names, to: Origin | None, shown: str) -> str | None:
    """
    Why something that holds the secrets of `bound` may not go to `to` (None: to what is no origin), or None.

    `named` are the secrets that the config names: others were found in what is sent. `shown` is what `to` is called.
    """
    for name, origins in bound.items():
        if to is None or not admitted(origins, to):
            return f"{_what(name, named)} may be sent to {listed(origins)} only (allowed_hosts), not to {shown}"
    return None


def first(bound: Bound, named: Names) -> str:
    """What is held, as a sentence begins with it: one of the bound secrets, or its value."""
    return _what(next(iter(bound)), named)


def listed(origins: Sequence[Origin]) -> str:
    """Where a secret may go, in words."""
    more = f" and {len(origins) - _TOLD} more" if len(origins) > _TOLD else ""
    return ", ".join(map(str, origins[:_TOLD])) + more if origins else "no host"


def _what(name: str, named: Names) -> str:
    return f"the secret {name}" if name in named else f"what holds the value of the secret {name}"
