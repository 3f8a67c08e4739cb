"""
What a secret may be used for and how long: a value, its one spelling as JSON, and what makes it wider.

    Policy ──encode──► canonical JSON: the column `policy`, under the manifest's MAC, its hash bound to every version
    old, new ──widens──► what of it became wider: that demands the value anew (narrowing is free)

`runner.secrets.vault` keeps one for each secret and asks it at every resolve; the executors ask it for hosts, the
command line and the pages show it. Pure; times are wall seconds since 1970 UTC, durations seconds.
"""

import math
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from runner.definitions.builtins import WORKFLOW_NAME
from runner.errors import SecretError

_MOST: Final = 100
"""Hosts, and workflows, that one secret may name."""

_LONGEST: Final = 300
"""Characters of one of them."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """
    What a secret may be used for. `allowed_hosts` are origins; None is everywhere, an empty tuple nowhere; likewise
    `allowed_workflows`. After `expires_at` it is handed out with a warning or refused, as `on_expiry` says;
    `rotate_every` counts from the day of the current version.
    """

    allowed_hosts: tuple[str, ...] | None = None
    allowed_workflows: tuple[str, ...] | None = None
    expires_at: float | None = None
    on_expiry: Literal["warn", "refuse"] = "warn"
    rotate_every: float | None = None

    def encode(self) -> str:
        """Its one spelling: keys and lists sorted, nothing twice, what is default left out."""
        plain = msgspec.structs.replace(
            self, allowed_hosts=_sorted(self.allowed_hosts), allowed_workflows=_sorted(self.allowed_workflows)
        )
        return msgspec.json.encode(plain, order="sorted").decode()

    def admits(self, workflow: str) -> bool:
        """Whether this workflow may name the secret."""
        return self.allowed_workflows is None or workflow in self.allowed_workflows

    def is_expired(self, at: float) -> bool:
        """Whether its day is over at that wall time."""
        return self.expires_at is not None and at >= self.expires_at

    def due_at(self, since: float) -> float | None:
        """When a new value is due, by expiry or rotation, for a value that was set at `since`."""
        days = [self.expires_at, None if self.rotate_every is None else since + self.rotate_every]
        return min((day for day in days if day is not None), default=None)


EVERYTHING: Final = Policy()
"""Every workflow, every host, for ever."""


def decode(name: str, text: str) -> Policy:
    """A policy as the vault keeps it. Raises SecretError, naming the secret, for one that this version cannot read."""
    try:
        return msgspec.json.decode(text, type=Policy)
    except msgspec.MsgspecError:
        raise SecretError(
            f"The policy of {name} cannot be read: was it written by a newer version of Runner?", name=name
        ) from None


def check_policy(name: str, policy: Policy) -> Policy:
    """The policy as it is kept. Raises SecretError for a workflow's name or a time that cannot be."""
    for what, each in (("allowed_hosts", policy.allowed_hosts), ("allowed_workflows", policy.allowed_workflows)):
        if each is not None and (len(each) > _MOST or any(not text or len(text) > _LONGEST for text in each)):
            raise SecretError(f"{name}: {what}: expected at most {_MOST} of at most {_LONGEST} characters.", name=name)
    for workflow in policy.allowed_workflows or ():
        if not WORKFLOW_NAME.fullmatch(workflow):
            raise SecretError(
                f"{name}: allowed_workflows: {workflow!r}: expected a workflow's name: a-z, 0-9, _ and -.", name=name
            )
    for what, number in (("expires_at", policy.expires_at), ("rotate_every", policy.rotate_every)):
        if number is not None and (not math.isfinite(number) or number <= 0):
            raise SecretError(f"{name}: {what}: expected a time after 1970, in seconds.", name=name)
    return decode(name, policy.encode())


def widens(old: Policy, new: Policy) -> list[str]:
    """
    Which hosts and workflows `new` admits that `old` did not, as `https://api.example.com`, `every workflow`.

    Empty where it is the same or narrower.
    """
    return [
        *_wider(old.allowed_hosts, new.allowed_hosts, "host"),
        *_wider(old.allowed_workflows, new.allowed_workflows, "workflow"),
    ]


def _wider(old: Sequence[str] | None, new: Sequence[str] | None, what: str) -> list[str]:
    if old is None:
        return []
    if new is None:
        return [f"every {what}"]
    return sorted({text for text in new if text not in old})


def _sorted(texts: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if texts is None else tuple(sorted(set(texts)))
