"""
Where a secret may be sent, and whether what is about to be sent holds one.

    names of labels ──────────────┐
    bytes of a request ──search──►┴─► the bound secrets among them, each with its origins ──► the executor refuses

A secret is bound where its policy has `allowed_hosts`. The bytes are searched for the values of bound secrets, since a
value may come back without its label: echoed by a server that was allowed to see it, read from a database, in a
trigger. The search is over what a thief could use: whole values, lines of keys, the credentials within a JSON document
or a URL, not the user names and addresses beside them, which may stand in any request. What was bound once and is
deleted since stays bound until the process ends. The engine asks for each request; nobody else needs to.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

import anyio
import anyio.to_thread

from runner.origins import Origin, OriginError, parse_origin
from runner.redaction import Needles
from runner.redaction.forms import Form, encodings
from runner.redaction.search import spans
from runner.secrets.content import Content
from runner.secrets.seen import Sightings
from runner.secrets.use_log import UseLog

Names = frozenset[str]

_OFF_LOOP: Final = 65_536
"""Bytes above which a search is a thread's work."""
_SHORTEST_LINE: Final = 16
_FOLDED: Final = 12
"""Characters from which a value is looked for in lower case too, as a host name would carry it."""
_KEYS: Final = ("secret", "token", "passw", "privatekey", "apikey", "accesskey", "signingkey", "credential")
_NOTHING: Final[Mapping[str, Sequence[Origin]]] = {}


class Held(Protocol):
    """What is needed of `runner.secrets.vault.Vault`."""

    @property
    def generation(self) -> int:
        """Grows with each change."""

    @property
    def content(self) -> Content:
        """What it holds at this generation."""

    async def refresh(self) -> None:
        """See what other processes changed. Raises VaultTamperedError, SecretError."""


class _Known(NamedTuple):
    """The bound secrets at one generation: their origins, what each value is searched by, and the search over all."""

    generation: int
    origins: Mapping[str, tuple[Origin, ...]]
    needles: Mapping[str, Mapping[str, frozenset[Form]]]
    search: Needles


class Destinations:
    """Which secrets of a vault (or of none) may go where; `seen` is told what went, `log` what was refused."""

    def __init__(self, vault: Held | None, seen: Sightings, log: UseLog) -> None:
        self._vault = vault
        self._seen = seen
        self._log = log
        self._known = _Known(-1, {}, {}, Needles({}))
        self._lock = anyio.Lock()

    async def bound(self, names: Names, data: Sequence[bytes] = ()) -> Mapping[str, Sequence[Origin]]:
        """
        The bound secrets that are among `names` or stand in `data`, each with the origins that it may go to.

        As the vault is now, whichever process changed it. Raises VaultTamperedError, SecretError.
        """
        if self._vault is None:
            return _NOTHING
        await self._vault.refresh()
        if self._known.generation != self._vault.generation:
            await self._learn(self._vault)
        known = self._known
        if not known.origins:
            return _NOTHING
        found = names & known.origins.keys()
        if sum(map(len, data)) > _OFF_LOOP:
            found |= await anyio.to_thread.run_sync(_within, known.search, data)
        else:
            found |= _within(known.search, data)
        return {name: known.origins[name] for name in sorted(found)} if found else _NOTHING

    def sent(self, names: Names, to: str) -> None:
        """Something made of these secrets is on its way to this origin, written with nothing secret in it."""
        self._seen.sent(names, to)

    def refused(self, secret: str, to: str, workflow: str) -> None:
        """A run of `workflow` was kept from sending it there."""
        self._log.refused(secret, workflow, to)

    async def _learn(self, vault: Held) -> None:
        async with self._lock:
            if self._known.generation != vault.generation:
                self._known = await anyio.to_thread.run_sync(_learned, self._known, vault.generation, vault.content)


def _learned(before: _Known, generation: int, content: Content) -> _Known:
    """Over every version of every bound secret; a value that was known before is not encoded again."""
    origins, needles = dict(before.origins), dict(before.needles)
    for name, info in content.infos.items():
        if info.policy.allowed_hosts is None:
            origins.pop(name, None)
            needles.pop(name, None)
        else:
            known = before.needles.get(name, {})
            needles[name] = {value: known.get(value) or _searched(value) for value in content.every[name]}
            origins[name] = tuple(_readable(info.policy.allowed_hosts))
    found: dict[Form, Names] = {}
    for name, values in needles.items():
        for needle in frozenset().union(*values.values()):
            found[needle] = found.get(needle, frozenset()) | {name}
    return _Known(generation, origins, needles, Needles.of_forms(found))


def _within(search: Needles, data: Sequence[bytes]) -> Names:
    """Which values stand in the data, as they are or behind two encodings of any kind."""
    return frozenset(name for part in data for span in spans(part, (search,)) for name in span.names)


def _readable(hosts: Sequence[str]) -> Iterator[Origin]:
    """The origins of a policy; one that is none admits nothing."""
    for text in hosts:
        try:
            yield parse_origin(text)
        except OriginError:
            continue


def _searched(value: str) -> frozenset[Form]:
    return frozenset().union(*map(encodings, credentials(value)))


def credentials(value: str) -> Iterator[str]:
    """What of a secret is worth stealing by itself: all of it, and the parts that need no other."""
    yield value
    if value != value.strip():
        yield value.strip()
    if len(value) >= _FOLDED and value != value.lower():
        yield value.lower()
    if "\n" in value:
        yield from _lines(value)
    if value.lstrip()[:1] in {"{", "["}:
        yield from _leaves(value)
    if "://" in value:
        yield from _passwords(value)


def _lines(value: str) -> Iterator[str]:
    lines = (line.strip() for line in value.splitlines())
    yield from (line for line in lines if len(line) >= _SHORTEST_LINE and not line.startswith("-----"))


def _leaves(value: str) -> Iterator[str]:
    try:
        stack: list[tuple[Any, bool]] = [(json.loads(value), False)]
    except (ValueError, RecursionError):
        return
    while stack:
        item, is_secret = stack.pop()
        if isinstance(item, dict):
            stack.extend((below, is_secret or _is_credential(key)) for key, below in item.items())
        elif isinstance(item, list):
            stack.extend((below, is_secret) for below in item)
        elif isinstance(item, str) and is_secret and "://" not in item:
            yield item
            yield from _lines(item) if "\n" in item else ()


def _is_credential(key: str) -> bool:
    plain = key.replace("_", "").replace("-", "").lower()
    return any(word in plain for word in _KEYS)


def _passwords(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)
