"""
Who uses a secret, when it was used last and for which hosts; which are missing and which nobody uses.

    SecretUse of the catalog + SecretInfo of the vault, Listing of further sources + Seen ──usage()──► SecretUsage

Pure. `runner secrets usage`, `runner secrets delete` and the pages show it; it holds no value. What is wrong with the
uses, held against `known`, says `runner.definitions.secret_uses`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from runner.clock import iso
from runner.definitions.catalog import Catalog
from runner.definitions.secret_uses import KnownSecret, KnownSecrets, SecretUse, secret_uses
from runner.definitions.specs import Specs
from runner.secrets.content import SecretInfo
from runner.secrets.seen import Seen
from runner.secrets.sources import Listing

VAULT: Final = "vault"
NO_SOURCES: Final = Listing()


class SecretUsage(msgspec.Struct, frozen=True, kw_only=True):
    """
    One secret: who has it, where it is named, when an action got it last (wall seconds) and when it was sent to which
    origin. `source` is `vault`, the name of a further source, or empty where none says that it has it; then `is_sure`
    tells whether all could say.
    """

    name: str
    source: str
    is_sure: bool = True
    uses: tuple[SecretUse, ...] = ()
    last_resolved: float | None = None
    hosts: Mapping[str, float] = {}

    @property
    def state(self) -> str:
        """
        `missing` where it is named and not there, `unlisted` where a source that cannot list may have it, `unused`
        where it is there and not named, else `used`.
        """
        if not self.source:
            return "missing" if self.is_sure else "unlisted"
        return "used" if self.uses else "unused"

    @property
    def users(self) -> tuple[str, ...]:
        """`workflow:action`, or the workflow alone where it is named beside its actions; each once."""
        return tuple(dict.fromkeys(f"{use.workflow}:{use.action}" if use.action else use.workflow for use in self.uses))

    def document(self) -> dict[str, Any]:
        """As JSON: times as ISO text."""
        return {
            "name": self.name,
            "state": self.state,
            "source": self.source or None,
            "uses": [msgspec.to_builtins(use) for use in self.uses],
            "last_resolved": None if self.last_resolved is None else iso(self.last_resolved),
            "hosts": {origin: iso(at) for origin, at in self.hosts.items()},
        }


def usage(
    uses: Iterable[SecretUse],
    infos: Iterable[SecretInfo],
    resolved: Mapping[str, Seen],
    listing: Listing = NO_SOURCES,
) -> list[SecretUsage]:
    """One for each secret that is named or there, by name."""
    named: dict[str, list[SecretUse]] = {}
    for use in uses:
        named.setdefault(use.secret, []).append(use)
    there = {**listing.names, **{info.name: VAULT for info in infos}}
    found = []
    for name in sorted(there.keys() | named.keys()):
        seen = resolved.get(name, Seen())
        found.append(
            SecretUsage(
                name=name,
                source=there.get(name, ""),
                is_sure=not listing.silent,
                uses=tuple(named.get(name, ())),
                last_resolved=seen.last_resolved or None,
                hosts=seen.hosts,
            )
        )
    return found


def uses_of(catalog: Catalog, specs: Specs) -> list[SecretUse]:
    """Every place of every workflow in force that names a secret."""
    return [
        use
        for _, entry in sorted(catalog.entries.items())
        for use in secret_uses(entry.workflow, entry.source, entry.file, specs)
    ]


def known(infos: Iterable[SecretInfo], listing: Listing = NO_SOURCES) -> KnownSecrets:
    """What the checks of workflows must know of the secrets of the vault and of further sources."""
    there = {name: KnownSecret(has_hosts=False) for name in listing.names}
    for info in infos:
        there[info.name] = KnownSecret(info.policy.allowed_hosts is not None, info.policy.allowed_workflows)
    return KnownSecrets(there, not listing.silent)
