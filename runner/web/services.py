"""
What the pages and the API are given, as one value: the composition root fills it, nothing here opens anything.

    runner.daemon.service ──Services──► runner.web.portal ──► pages, endpoints
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from runner.accounts.accounts import Accounts
from runner.clock import Clock
from runner.definitions.catalog import Catalog
from runner.definitions.model import Workflow
from runner.engine.answers import Answers
from runner.engine.hindsight import Hindsight
from runner.errors import Problem
from runner.overviews import Overviews
from runner.secrets.vault import Vault
from runner.tail import TailRow
from runner.web.health import Reasons
from runner.web.lookups import SearchableRecords
from runner.web.news import News
from runner.web.pauses import Pauses
from runner.web.running import Running

Documents = Callable[[], Awaitable[Iterable[Mapping[str, Any]]]]


class Tail(Protocol):
    """The journals of all runs as one."""

    async def since(self, row: int, most: int) -> Sequence[TailRow]:
        """Appends behind that one, in the order that they were written in. Raises StoreError."""

    async def tail_end(self) -> int:
        """The number of the last one. Raises StoreError."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """
    `redact` gives a JSON value with every known secret in it hidden.
    `workflows` gives the catalog's documents with the firings of each, `upcoming` the same without the last firings,
    `named` those of one name. `usage` gives documents of who uses which secret, `mask` hides every known secret in a
    text; `vault` is None without a master key. `metrics` is the text for Prometheus, `checks` are documents of what
    `runner doctor` finds, `facts` what the daemon knows of itself: sizes, boot. `require` raises RefusedError, `load`
    (source, file name) DefinitionError.
    """

    clock: Clock
    accounts: Accounts
    vault: Vault | None
    running: Running
    records: SearchableRecords
    answers: Answers
    hindsight: Hindsight
    counts: Callable[[], Awaitable[Mapping[str, int]]]
    news: News
    tail: Tail
    catalog: Callable[[], Catalog]
    workflows: Documents
    upcoming: Documents
    named: Callable[[str], Awaitable[Sequence[Mapping[str, Any]]]]
    overviews: Overviews
    mask: Callable[[str], Awaitable[str]]
    usage: Documents
    require: Callable[[str], Workflow]
    load: Callable[[str, str], Awaitable[tuple[Workflow, tuple[Problem, ...]]]]
    redact: Callable[[Any], Any]
    pauses: Pauses
    reasons: Reasons
    metrics: Callable[[], Awaitable[bytes]]
    checks: Documents
    facts: Callable[[], Awaitable[Mapping[str, Any]]]
    public_url: str = ""
    trusted_proxies: Sequence[str] = ()
