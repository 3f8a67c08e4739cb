"""
The options that say what a secret may be used for and how long.

    --allowed-host H … --rotate-every 90d ──policy_options──► PolicyChange

`runner secrets set` and `runner secrets policy` take the options.
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

import click
from msgspec import UNSET, UnsetType, ValidationError

from runner.errors import UsageError
from runner.secrets.policy import PolicyChange
from runner.settings.kinds import Duration, convert

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--allowed-host", multiple=True, metavar="H", help="Only for this origin; may be repeated."),
    click.option("--any-host", is_flag=True, help="For every host."),
    click.option("--allowed-workflow", multiple=True, metavar="W", help="Only for this workflow; may be repeated."),
    click.option("--any-workflow", is_flag=True, help="For every workflow."),
    click.option("--expires-at", metavar="T", help="Until then: 2027-01-31, or with a time 2027-01-31T18:00+01:00."),
    click.option("--no-expiry", is_flag=True, help="For ever."),
    click.option("--on-expiry", type=click.Choice(["warn", "refuse"]), help="What happens then."),
    click.option("--rotate-every", metavar="D", help="Remind of a new value so long after each: 90d."),
    click.option("--no-rotation", is_flag=True, help="Do not remind."),
)


def policy_options(command: Command) -> Command:
    """The options of a policy; the command gets them as one `policy: PolicyChange`. What is not given stays."""

    @wraps(command)
    def taken(**given: Any) -> Any:
        words = {name: given.pop(name) for name in _NAMES}
        return command(policy=_change(words), **given)

    for option in reversed(_OPTIONS):
        taken = option(taken)
    return taken  # type: ignore[return-value]  # a wrapper with other keyword arguments


_NAMES = (
    "allowed_host", "any_host", "allowed_workflow", "any_workflow", "expires_at", "no_expiry", "on_expiry",
    "rotate_every", "no_rotation",
)  # fmt: skip


def _change(words: dict[str, Any]) -> PolicyChange:
    return PolicyChange(
        allowed_hosts=_one_of(words, "allowed_host", "any_host", tuple),
        allowed_workflows=_one_of(words, "allowed_workflow", "any_workflow", tuple),
        expires_at=_one_of(words, "expires_at", "no_expiry", _instant),
        on_expiry=words["on_expiry"] or UNSET,
        rotate_every=_one_of(words, "rotate_every", "no_rotation", _duration),
    )


def _one_of(words: dict[str, Any], name: str, none: str, read: Callable[[Any], Any]) -> Any | UnsetType | None:
    if words[name] and words[none]:
        raise UsageError(f"--{name.replace('_', '-')} and --{none.replace('_', '-')}: expected one of them")
    if words[none]:
        return None
    return read(words[name]) if words[name] else UNSET


def _instant(text: str) -> float:
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            "--expires-at: expected a date as 2027-01-31, or a time as 2027-01-31T18:00+01:00 (local without a zone)"
        ) from None


def _duration(text: str) -> float:
    try:
        return float(convert(text, Duration, is_text=True))
    except (ValidationError, ValueError):
        raise UsageError("--rotate-every: expected a duration such as 90d or 12h") from None
