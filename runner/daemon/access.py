"""
Open the pages and the API with the accounts that guard them, and tell how to get in the first time.

    open_pages ──► accounts ──► what `runner.web.portal` is given
    no password yet ──► a setup token in its file, 0600, for 30 minutes ──► the log says where it lies, never what it is
                                                                       └──► a terminal shows the link

`runner.daemon.service` serves it; `runner tokens` opens the same file by itself.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from runner import log
from runner.accounts.accounts import Accounts, open_accounts
from runner.accounts.rows import accounts_path
from runner.clock import Clock
from runner.daemon.catalogs import Catalogs
from runner.daemon.root import Engine
from runner.ports import Store
from runner.secrets.vault import Vault
from runner.settings import Settings
from runner.web.health import Reasons
from runner.web.pauses import Pauses
from runner.web.services import Documents, Services

_log = log.get("runner.accounts")


@asynccontextmanager
async def open_pages(
    settings: Settings,
    clock: Clock,
    port: int,
    *,
    vault: Vault | None,
    engine: Engine,
    store: Store,
    catalogs: Catalogs,
    pauses: Pauses,
    workflows: Documents,
    usage: Documents,
    reasons: Reasons,
) -> AsyncIterator[Services]:
    """What they are given, as long as the daemon lives. Raises AccessError, SecretError."""
    async with _open_doors(settings, clock, vault, port) as accounts:
        yield Services(
            clock=clock,
            accounts=accounts,
            vault=vault,
            running=engine.running,
            records=store,
            counts=store.counts,
            news=engine.news,
            workflows=workflows,
            usage=usage,
            require=catalogs.require,
            load=catalogs.load,
            pauses=pauses,
            reasons=reasons,
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


def address(settings: Settings, port: int) -> str:
    """Where people reach the dashboard, without a slash at its end."""
    host = settings.dashboard.host
    shown = "127.0.0.1" if host in {"0.0.0.0", "::", "localhost"} else f"[{host}]" if ":" in host else host  # noqa: S104  compared, not bound
    return settings.dashboard.public_url.rstrip("/") or f"http://{shown}:{port}"
