"""
Which secrets want a new value, and when that is said.

    SecretInfo, now ──due──► Reminder: rotate, expires or expired, and on which day    or None: nothing to say
    all of them, now ──reminders──► those that have something to say, the most urgent first
                     ──counts──► how many of each

The command line, the daemon's log and the pages show what this finds. Pure; wall seconds since 1970 UTC.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, get_args

from runner.clock import iso
from runner.secrets.content import SecretInfo

AHEAD: Final = 14 * 86_400.0
"""Seconds before an expiry from which on it is said."""


What = Literal["expired", "expires", "rotate"]


class Reminder(NamedTuple):
    """
    What is to be said of a secret. `expired` and `rotate` are due since `at`, `expires` will be at `at`; `is_refused`:
    it is not handed out from then on.
    """

    name: str
    what: What
    at: float
    is_refused: bool = False

    def __str__(self) -> str:
        """`expired 2026-01-31, refused`, `expires 2026-01-31`, `rotate since 2026-01-31`."""
        day = iso(self.at)[:10]
        if self.what == "rotate":
            return f"rotate since {day}"
        end = "refused" if self.what == "expired" else "then refused"
        return f"{self.what} {day}" + (f", {end}" if self.is_refused else "")


def due(info: SecretInfo, now: float) -> Reminder | None:
    """What is to be said of one secret now; an expiry counts more than a rotation."""
    policy = info.policy
    if policy.expires_at is not None and now >= policy.expires_at - AHEAD:
        what: What = "expired" if policy.is_expired(now) else "expires"
        return Reminder(info.name, what, policy.expires_at, policy.on_expiry == "refuse")
    if policy.rotate_every is not None and now >= info.value_set_at + policy.rotate_every:
        return Reminder(info.name, "rotate", info.value_set_at + policy.rotate_every)
    return None


def counts(infos: Iterable[SecretInfo], now: float) -> dict[str, int]:
    """How many there is each thing to say of: `expired`, `expires` (soon), `rotate`; for `/metrics`, 0 included."""
    found = Counter(each.what for each in reminders(infos, now))
    return {what: found[what] for what in get_args(What)}


def reminders(infos: Iterable[SecretInfo], now: float) -> list[Reminder]:
    """What is to be said of all of them: the longest due first."""
    return sorted((found for info in infos if (found := due(info, now))), key=lambda each: (each.at, each.name))
