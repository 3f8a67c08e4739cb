"""
Open the pieces, one block inside the other, and close them in the reverse order.

    log ──► secrets (vault, resolver, sealer) ──► store (lock) ──► ports ──► executors ──► catalog ──► dispatcher

A wrong key ends before the store is touched, a locked store before a port is bound, a taken port before anything runs:
each with one sentence. What is opened here gets plain values; only this package reads settings.
"""

import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import anyio.to_thread

from runner import log
from runner.accounts.rows import accounts_path
from runner.clock import Clock, SystemClock
from runner.daemon.catalogs import Catalogs
from runner.daemon.folders import check_writable
from runner.daemon.kept import kept_path
from runner.daemon.measures.run_tally import RunTally
from runner.daemon.sink import Sink
from runner.daemon.tracing import open_tracing
from runner.engine.admission import Admissions
from runner.engine.callbacks import Addresses
from runner.engine.dispatcher import Dispatcher, open_dispatcher
from runner.engine.limits import EngineLimits
from runner.engine.services import Services
from runner.errors import VaultKeyError
from runner.executors import action_types
from runner.ports import ActionType, Executor, ExecutorLimits, Sealer, Store
from runner.redaction import Redactor
from runner.secrets.destinations import Destinations
from runner.secrets.environment import Environment
from runner.secrets.keys import parse
from runner.secrets.masking import Masking
from runner.secrets.master_key import read_master_key, read_previous_key
from runner.secrets.resolver import Resolver
from runner.secrets.sealer import open_sealer
from runner.secrets.seen import Sightings, open_seen, seen_path
from runner.secrets.sources import Sources, open_sources
from runner.secrets.use_log import UseLog
from runner.secrets.vault import Vault, open_vault
from runner.settings import Settings
from runner.store.sqlite import SqliteStore, open_store
from runner.triggers.services import TriggerServices
from runner.web.news import News
from runner.web.running import Running


class Confidential(NamedTuple):
    """What has to do with secrets. `vault` is None where no master key is set."""

    redactor: Redactor
    vault: Vault | None
    sources: Sources
    resolver: Resolver
    sealer: Sealer
    destinations: Destinations
    seen: Sightings
    uses: UseLog

    async def mask(self, text: str) -> str:
        """The text without any secret that there is now, however it came to be in there."""
        await self.resolver.know_all()
        return await anyio.to_thread.run_sync(self.redactor.text, text)


class Engine(NamedTuple):
    """What carries runs out, and who tells of them."""

    dispatcher: Dispatcher
    news: News
    running: Running
    sink: Sink
    tally: RunTally


@asynccontextmanager
async def open_confidential(
    settings: Settings, environ: Mapping[str, str], clock: Clock, *, level: str
) -> AsyncIterator[Confidential]:
    """
    Start the log, open the vault, know what has to be masked.

    Raises SettingsError, VaultKeyError, VaultTamperedError, SecretError.
    """
    redactor = Redactor()
    log.configure(level, settings.log.format, redactor, sys.stderr)
    dashboard, key_path = settings.dashboard, settings.sqlite.key_path
    check_writable(settings.sqlite.path.parent, "sqlite.path")
    text = await read_master_key(
        text=dashboard.master_key, file=dashboard.master_key_file, command=dashboard.master_key_command
    )
    if text is None and settings.sqlite.path.exists():
        raise VaultKeyError(
            f"No master key is set, but there is a vault, {settings.sqlite.path}: set dashboard.master_key."
        )
    if text is not None:
        redactor.know("own", {"dashboard.master_key": [text.reveal()]})
    environment = Environment(environ, allow=settings.env.allow, secret=settings.env.secret)
    async with AsyncExitStack() as stack:
        vault: Vault | None = None
        if text is not None:
            keep = settings.secrets.keep_versions
            before = await read_previous_key(
                text=dashboard.master_key_previous,
                file=dashboard.master_key_previous_file,
                beside=dashboard.master_key_file,
            )
            if before is not None:
                redactor.know("own, previous", {"dashboard.master_key_previous": [before.reveal()]})
            previous = parse(before.reveal()) if before else None
            opening = open_vault(
                settings.sqlite.path, parse(text.reveal()), clock=clock, keep_versions=keep, previous=previous
            )
            vault = await stack.enter_async_context(opening)
        seen = await stack.enter_async_context(open_seen(seen_path(settings.sqlite.path), clock))
        masking = Masking(redactor, vault, environment)
        await masking.start()
        sealer = await open_sealer(key_path, vault)
        sources = await stack.enter_async_context(open_sources(vault))
        uses = UseLog(vault, clock)
        resolver = Resolver(sources, environment, masking, seen, uses)
        yield Confidential(redactor, vault, sources, resolver, sealer, Destinations(vault, seen, uses), seen, uses)


@asynccontextmanager
async def open_executors(
    types: Mapping[str, ActionType], settings: Settings, own_ports: Sequence[int]
) -> AsyncIterator[Mapping[str, Executor]]:
    """One executor a type, with the settings' bounds."""
    accounts = accounts_path(settings.sqlite.path)
    own = (settings.sqlite.path, settings.sqlite.runs_path, accounts)
    files = [path.with_name(path.name + suffix) for path in own for suffix in ("", "-wal", "-shm", ".lock")]
    limits = ExecutorLimits(
        max_response_size=settings.limits.response_size,
        max_rows=settings.limits.rows,
        allow_private_networks=settings.http.allow_private_networks,
        allow_metadata=settings.http.allow_metadata,
        own_ports=tuple(own_ports),
        file_roots=tuple(_resolved(settings.files.allow)),
        retention=settings.runs.retention,
        own_files=tuple(
            map(
                str,
                (
                    *files,
                    accounts.with_name("setup-token"),
                    settings.sqlite.key_path,
                    kept_path(settings),
                    seen_path(settings.sqlite.path),
                ),
            )
        ),
    )
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(kind.open(limits)) for name, kind in types.items()}


@asynccontextmanager
async def open_runs(settings: Settings, clock: Clock) -> AsyncIterator[SqliteStore]:
    """The store of runs and journals, under its lock. Raises StoreError."""
    path = settings.sqlite.runs_path
    async with open_store(path, clock=clock, allow_network=settings.sqlite.network_filesystem) as store:
        yield store


@asynccontextmanager
async def open_engine(
    settings: Settings,
    clock: Clock,
    *,
    confidential: Confidential,
    store: Store,
    catalogs: Catalogs,
    ports: Sequence[int] = (),
) -> AsyncIterator[Engine]:
    """
    The dispatcher with everything it needs; it has recovered nothing yet.

    `ports` are those that are listened on: the triggers' port, which actions may call, and the dashboard's, which none
    may.
    """
    news, tally = News(), RunTally()
    types = catalogs.types
    async with (
        open_tracing(settings.tracing, confidential.redactor) as spans,
        open_executors(types, settings, ports[1:]) as executors,
    ):
        sink = Sink(log.get("runner.runs"), news, tally, *spans)
        services = Services(
            clock=clock,
            store=store,
            resolver=confidential.resolver,
            destinations=confidential.destinations,
            sealer=confidential.sealer,
            redactor=confidential.redactor,
            sink=sink,
            callbacks=Addresses(_base(settings, ports), confidential.sealer),
            types=types,
            executors=executors,
            limits=engine_limits(settings),
        )
        async with open_dispatcher(services, Admissions(services, catalogs.find)) as dispatcher:
            running = Running(dispatcher, store, news, workflow=catalogs.require, load=catalogs.load)
            yield Engine(dispatcher, news, running, sink, tally)


def trigger_services(
    settings: Settings, clock: Clock, confidential: Confidential, store: Store, engine: Engine
) -> TriggerServices:
    """What triggers are given."""
    return TriggerServices(
        clock=clock,
        dispatcher=engine.dispatcher,
        store=store,
        resolver=confidential.resolver,
        sealer=confidential.sealer,
        redactor=confidential.redactor,
        limits=ExecutorLimits(
            allow_private_networks=settings.http.allow_private_networks, allow_metadata=settings.http.allow_metadata
        ),
        refused=engine.tally.refuse,
        base=settings.dashboard.public_url.rstrip("/"),
    )


def engine_limits(settings: Settings) -> EngineLimits:
    """The bounds of a run, from the settings."""
    limits = settings.limits
    return EngineLimits(
        items=limits.items,
        value_size=limits.response_size,
        journal_size=limits.journal_size,
        depth=limits.depth,
        cleanup_timeout=limits.cleanup_timeout,
        cancel_grace=limits.cancel_grace,
        max_concurrent_runs=settings.server.max_concurrent_runs,
        queued_runs=limits.queued_runs,
        max_recoveries=settings.runs.max_recoveries,
    )


def known_types() -> Mapping[str, ActionType]:
    """Built-in action types and those of installed packages. Raises SettingsError."""
    return action_types()


def system_clock() -> Clock:
    """The machine's clock: the one that everything is given."""
    return SystemClock()


def _resolved(folders: Sequence[Path]) -> list[str]:
    return [os.path.realpath(folder) for folder in folders]


def _base(settings: Settings, ports: Sequence[int]) -> str:
    """Where callbacks are answered: what people reach this machine's port by, where they say so."""
    server = settings.server
    host = "127.0.0.1" if server.host in {"0.0.0.0", "::", ""} else server.host  # noqa: S104  compared, not bound
    named = f"[{host}]" if ":" in host else host
    return server.public_url.rstrip("/") or f"http://{named}:{ports[0] if ports else server.port}"
