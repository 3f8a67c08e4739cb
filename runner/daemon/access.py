"""
Open the pages and the API with the accounts that guard them, and tell how to get in the first time.

    open_pages ──► accounts ──► what `runner.web.portal` is given
    no password yet ──► a setup token in its file, 0600, for 30 minutes ──► the log says where it lies, never what it is
                                                                       └──► a terminal shows the link

`runner.daemon.service` serves it; `runner tokens` opens the same file by itself.
"""

import os
import platform
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from runner import log
from runner.accounts.accounts import Accounts, open_accounts
from runner.accounts.rows import accounts_path
from runner.clock import Clock, iso
from runner.daemon.catalogs import Catalogs
from runner.daemon.checkup import Checkup
from runner.daemon.doctor.finding import Patient
from runner.daemon.measures.exposition import Exposition, Measured
from runner.daemon.measures.loop_watch import watch_loop
from runner.daemon.root import Confidential, Engine
from runner.secrets.vault import Vault
from runner.settings import Loaded, Settings
from runner.store.sqlite import SqliteStore
from runner.triggers.shown import Shown
from runner.web.health import Reasons
from runner.web.pauses import Pauses
from runner.web.services import Documents, Services

_log = log.get("runner.accounts")


@asynccontextmanager
async def open_pages(
    loaded: Loaded,
    clock: Clock,
    port: int,
    *,
    confidential: Confidential,
    engine: Engine,
    store: SqliteStore,
    catalogs: Catalogs,
    pauses: Pauses,
    workflows: Shown,
    usage: Documents,
    reasons: Reasons,
) -> AsyncIterator[Services]:
    """What they are given, as long as the daemon lives. Raises AccessError, SecretError."""
    vault = confidential.vault
    settings, patient = loaded.settings, Patient(loaded, os.environ, clock, is_running=True)
    async with _open_doors(settings, clock, vault, port) as accounts, watch_loop(clock) as loop:
        measured = Measured(
            clock=clock,
            tally=engine.tally,
            loop=loop,
            store=store,
            vault=vault,
            live=lambda: engine.dispatcher.live,
            catalog=lambda: catalogs.current,
            usage=usage,
        )
        yield Services(
            clock=clock,
            accounts=accounts,
            vault=vault,
            running=engine.running,
            records=store,
            answers=engine.dispatcher.answers,
            hindsight=engine.dispatcher.hindsight,
            counts=store.counts,
            news=engine.news,
            tail=store,
            catalog=lambda: catalogs.current,
            workflows=workflows.everything,
            upcoming=workflows.upcoming,
            named=workflows.named,
            overviews=store.overviews,
            usage=usage,
            mask=confidential.mask,
            require=catalogs.require,
            load=catalogs.load,
            redact=confidential.redactor.value,
            pauses=pauses,
            reasons=reasons,
            metrics=Exposition(measured).text,
            checks=Checkup(patient, clock).found,
            facts=lambda: _facts(settings, store, vault),
            public_url=settings.dashboard.public_url,
            trusted_proxies=settings.dashboard.trusted_proxies,
        )


@asynccontextmanager
async def _open_doors(settings: Settings, clock: Clock, vault: Vault | None, port: int) -> AsyncIterator[Accounts]:
    audit = None if vault is None else vault.audit
    async with open_accounts(accounts_path(settings.sqlite.path), clock, audit) as accounts:
        if not await accounts.has_password():
            text = await accounts.offer_setup()
            url = f"{address(settings, port)}/setup"
            _log.info("set the password of the dashboard", url=url, token_file=str(accounts.setup_path), minutes=30)
            if sys.stderr.isatty():
                sys.stderr.write(f"Set the password at {url} with the setup token {text}\n")
        yield accounts


async def _facts(settings: Settings, store: SqliteStore, vault: Vault | None) -> dict[str, Any]:
    """What the daemon knows of itself: sizes in bytes, the vault's numbers where there is one. Raises StoreError."""
    sizes = await store.sizes()
    more = {} if vault is None else {"generation": vault.generation, "audit_head": str(vault.audit_head)}
    return {
        "boot": store.boot,
        "restored_at": None if store.restored_at is None else iso(store.restored_at),
        "python": platform.python_version(),
        "store": {"file": sizes.file, "wal": sizes.wal, "free": sizes.free, "waiting": sizes.waiting},
        "paths": {"vault": str(settings.sqlite.path), "runs": str(settings.sqlite.runs_path)},
        **more,
    }


def address(settings: Settings, port: int) -> str:
    """Where people reach the dashboard, without a slash at its end."""
    host = settings.dashboard.host
    shown = "127.0.0.1" if host in {"0.0.0.0", "::", "localhost"} else f"[{host}]" if ":" in host else host  # noqa: S104  compared, not bound
    return settings.dashboard.public_url.rstrip("/") or f"http://{shown}:{port}"
