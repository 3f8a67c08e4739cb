"""
The fields of the form that sets a secret, as the vault takes them.

    {value, hosts, workflows, expires, …} ──value_of(), policy_of()──► text, PolicyChange
    Policy ──shown_policy()──► {hosts, workflows, expires, …}

Hosts and workflows stand a line each; an empty field is no limit. Browsers send line ends as CRLF: a value gets them as
they were typed, less one at its end. Pure.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from msgspec import UNSET

from runner.clock import iso
from runner.errors import SecretError
from runner.secrets.policy import EVERYTHING, Policy, PolicyChange

EMPTY: Final[Mapping[str, str]] = {
    "name": "",
    "hosts": "",
    "workflows": "",
    "expires": "",
    "on_expiry": "warn",
    "rotate_days": "",
}
_DAY: Final = 86_400
_MOST_DAYS: Final = 36_500


def value_of(form: Mapping[str, str]) -> str:
    """The value; empty where none was typed."""
    return form.get("value", "").replace("\r\n", "\n").removesuffix("\n")


def without_value(form: Mapping[str, str]) -> dict[str, str]:
    """What of a form may be shown again."""
    return {name: text for name, text in form.items() if name in EMPTY}


def policy_of(form: Mapping[str, str], name: str, old: Policy = EVERYTHING) -> PolicyChange:
    """
    What the form changes in the policy `old`: a field that still says what the form showed changes nothing, so that a
    time of day and an empty list, which no field can show, stay.

    Raises SecretError, which names the field that cannot be read.
    """
    shown = shown_policy(old)
    typed = {field: form.get(field, "").replace("\r\n", "\n").strip() for field in shown}
    changed = {field: text for field, text in typed.items() if text != shown[field]}
    return PolicyChange(
        allowed_hosts=_lines(changed["hosts"]) if "hosts" in changed else UNSET,
        allowed_workflows=_lines(changed["workflows"]) if "workflows" in changed else UNSET,
        expires_at=_date(changed["expires"], name) if "expires" in changed else UNSET,
        on_expiry=UNSET if "on_expiry" not in changed else "refuse" if changed["on_expiry"] == "refuse" else "warn",
        rotate_every=_days(changed["rotate_days"], name) if "rotate_days" in changed else UNSET,
    )


def shown_policy(policy: Policy) -> dict[str, str]:
    """The fields that say this policy."""
    days = policy.rotate_every
    return {
        "hosts": "\n".join(policy.allowed_hosts or ()),
        "workflows": "\n".join(policy.allowed_workflows or ()),
        "expires": "" if policy.expires_at is None else iso(policy.expires_at)[:10],
        "on_expiry": policy.on_expiry,
        "rotate_days": "" if days is None else f"{days / _DAY:g}",
    }


def _lines(text: str) -> tuple[str, ...] | None:
    return tuple(line.strip() for line in text.splitlines() if line.strip()) or None


def _date(text: str, name: str) -> float | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise SecretError(f"{name}: expires: expected a day as 2027-01-31.", name=name) from None


def _days(text: str, name: str) -> float | None:
    if not text:
        return None
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days <= _MOST_DAYS:
        raise SecretError(f"{name}: rotate every: expected a number of days.", name=name)
    return days * _DAY
