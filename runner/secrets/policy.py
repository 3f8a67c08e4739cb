"""
What a secret may be used for and how long: a value, its one spelling as JSON, and what makes it wider.

    Policy ──encode──► canonical JSON: the column `policy`, under the manifest's MAC, its hash bound to every version
    PolicyChange ──applied──► the policy after it, checked, its origins in their one spelling
    Policy, workflow, time ──check_use──► nothing, or SecretRefusedError
    old, new ──widens──► what of it became wider: that demands the value anew (narrowing is free)

`runner.secrets.vault` keeps one for each secret and asks it at every resolve; the executors ask it for hosts, the
command line and the pages show it. Pure; times are wall seconds since 1970 UTC, durations seconds.
"""

import math
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from runner.clock import iso
from runner.definitions.builtins import WORKFLOW_NAME
from runner.errors import SecretError, SecretRefusedError
from runner.origins import OriginError, admitted, parse_origins

OnExpiry = Literal["warn", "refuse"]

_MOST: Final = 100
"""Hosts, and workflows, that one secret may name."""

_LAST: Final = 253_402_300_799
"""The last second of the year 9999: what calendars can write."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """
    What a secret may be used for. `allowed_hosts` are origins; None is everywhere, an empty tuple nowhere; likewise
    `allowed_workflows`. After `expires_at` it is handed out with a warning or refused, as `on_expiry` says;
    `rotate_every` counts from the day of the current version.
    """

    allowed_hosts: tuple[str, ...] | None = None
    allowed_workflows: tuple[str, ...] | None = None
    expires_at: float | None = None
    on_expiry: OnExpiry = "warn"
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


EVERYTHING: Final = Policy()
"""Every workflow, every host, for ever."""


class PolicyChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different in a policy; what is unset stays, None takes a limit away."""

    allowed_hosts: tuple[str, ...] | UnsetType | None = UNSET
    allowed_workflows: tuple[str, ...] | UnsetType | None = UNSET
    expires_at: float | UnsetType | None = UNSET
    on_expiry: OnExpiry | UnsetType = UNSET
    rotate_every: float | UnsetType | None = UNSET

    def applied(self, name: str, old: Policy) -> Policy:
        """The policy after it. Raises SecretError, naming the secret and the field that cannot be so."""
        fields = {field: getattr(self, field) for field in self.__struct_fields__}
        said = {field: value for field, value in fields.items() if value is not UNSET}
        return _checked(name, msgspec.structs.replace(old, **said)) if said else old


UNCHANGED: Final = PolicyChange()


def decode(name: str, text: str) -> Policy:
    """A policy as the vault keeps it. Raises SecretError, naming the secret, for one that this version cannot read."""
    try:
        return msgspec.json.decode(text, type=Policy)
    except msgspec.MsgspecError:
        raise SecretError(
            f"The policy of {name} cannot be read: was it written by a newer version of Runner?", name=name
        ) from None


def check_use(name: str, policy: Policy, workflow: str, at: float) -> None:
    """Raises SecretRefusedError, with what to do, where `workflow` may not have the secret at that wall time."""
    if not policy.admits(workflow):
        allowed = ", ".join(policy.allowed_workflows or ()) or "none"
        raise SecretRefusedError(
            f"The secret {name} may not be used by the workflow {workflow} (allowed: {allowed}): set its value anew "
            f"with `runner secrets set {name}` and --allowed-workflow for each that may.",
            name=name,
        )
    if policy.on_expiry == "refuse" and policy.is_expired(at):
        assert policy.expires_at is not None
        raise SecretRefusedError(
            f"The secret {name} expired on {iso(policy.expires_at)}: set a new value with `runner secrets set {name} "
            "--expires-at …`.",
            name=name,
        )


def widens(old: Policy, new: Policy) -> list[str]:
    """
    Which hosts and workflows `new` admits that `old` did not, as `https://api.example.com`, `every workflow`.

    Empty where it is the same or narrower.
    """
    return [*_wider_hosts(old.allowed_hosts, new.allowed_hosts), *_wider_workflows(old, new)]


def _wider_hosts(old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> list[str]:
    if old is None:
        return []
    if new is None:
        return ["every host"]
    known = parse_origins(old)
    return [str(origin) for origin in parse_origins(new) if not admitted(known, origin)]


def _wider_workflows(old: Policy, new: Policy) -> list[str]:
    if old.allowed_workflows is None:
        return []
    if new.allowed_workflows is None:
        return ["every workflow"]
    return sorted(set(new.allowed_workflows) - set(old.allowed_workflows))


def _checked(name: str, policy: Policy) -> Policy:
    """The policy as it is kept: origins in their one spelling. Raises SecretError."""
    try:
        hosts = None if policy.allowed_hosts is None else tuple(map(str, parse_origins(policy.allowed_hosts)))
    except OriginError as error:
        raise SecretError(f"{name}: allowed_hosts: {error}.", name=name) from None
    for what, each in (("allowed_hosts", hosts), ("allowed_workflows", policy.allowed_workflows)):
        if len(each or ()) > _MOST:
            raise SecretError(f"{name}: {what}: expected at most {_MOST}, found {len(each or ())}.", name=name)
    for workflow in policy.allowed_workflows or ():
        if not WORKFLOW_NAME.fullmatch(workflow):
            raise SecretError(
                f"{name}: allowed_workflows: {workflow[:100]!r}: expected a workflow's name: a-z, 0-9, _ and -.",
                name=name,
            )
    for what, number in (("expires_at", policy.expires_at), ("rotate_every", policy.rotate_every)):
        if number is not None and not (math.isfinite(number) and 0 < number <= _LAST):
            raise SecretError(f"{name}: {what}: expected seconds from 1970 to the year 9999.", name=name)
    return decode(name, msgspec.structs.replace(policy, allowed_hosts=hosts).encode())


def _sorted(texts: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if texts is None else tuple(sorted(set(texts)))
