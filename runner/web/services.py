"""
What the pages and the API are given, as one value: the composition root fills it, nothing here opens anything.

    runner.daemon.service ──Services──► runner.web.portal ──► pages, endpoints
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from runner.accounts.accounts import Accounts
from runner.clock import Clock
from runner.definitions.model import Workflow
from runner.errors import Problem
from runner.secrets.vault import Vault
from runner.web.health import Reasons
from runner.web.lookups import SearchableRecords
from runner.web.news import News
from runner.web.pauses import Pauses
from runner.web.running import Running

Documents = Callable[[], Awaitable[Iterable[Mapping[str, Any]]]]


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """
    `workflows` gives the catalog's documents, `usage` those of who uses which secret; `vault` is None without a master
    key. `metrics` is the text for Prometheus, `checks` are documents of what `runner doctor` finds, `facts` what the
    daemon knows of itself: sizes, boot. `require` raises RefusedError, `load` (source, file name) DefinitionError.
    """

    clock: Clock
    accounts: Accounts
    vault: Vault | None
    running: Running
    records: SearchableRecords
    counts: Callable[[], Awaitable[Mapping[str, int]]]
    news: News
    workflows: Documents
    usage: Documents
    require: Callable[[str], Workflow]
    load: Callable[[str, str], Awaitable[tuple[Workflow, tuple[Problem, ...]]]]
    pauses: Pauses
    reasons: Reasons
    metrics: Callable[[], Awaitable[bytes]]
    checks: Documents
    facts: Callable[[], Awaitable[Mapping[str, Any]]]
    public_url: str = ""
    trusted_proxies: Sequence[str] = ()
