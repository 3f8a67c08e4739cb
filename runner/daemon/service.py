"""
`runner start`: the daemon from its first line to a drained end.

    open pieces ──► serve 8080, control socket (3000 with --dashboard) ──► recover ──► "ready" ──► watch the folder
    SIGTERM ──► no new runs, those in flight get shutdown_timeout ──► close in reverse ──► exit status 0
    a second SIGTERM ──► the process ends at once: what it was doing lies in the journal (design §2.9)
"""

import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
from starlette.types import ASGIApp

from runner import log
from runner.clock import Clock
from runner.daemon.access import open_pages
from runner.daemon.backup import back_up
from runner.daemon.catalogs import Catalogs, open_catalogs
from runner.daemon.listening import listen, listen_control
from runner.daemon.reminding import remind
from runner.daemon.retention import Retention
from runner.daemon.root import (
    Confidential,
    Engine,
    known_types,
    open_confidential,
    open_engine,
    open_runs,
    system_clock,
    trigger_services,
)
from runner.daemon.secret_uses import SecretUses
from runner.daemon.vault import log_audit_head, rotate, tell_at_start
from runner.daemon.vault_keeper import open_keeper
from runner.errors import RunnerError, SecretError
from runner.ports import Store
from runner.secrets.hardening import harden
from runner.secrets.seen import keep_flushed, seen_path
from runner.secrets.vault import Vault
from runner.settings import Loaded, Settings
from runner.store.sqlite import SqliteStore
from runner.triggers.open import open_triggers
from runner.triggers.shown import Shown
from runner.web.asgi import raise_file_limit, serve
from runner.web.backups import backup_route
from runner.web.control import control_app
from runner.web.guard import Bounds
from runner.web.health import health_app
from runner.web.inbox import inbox_routes
from runner.web.pauses import pause_routes
from runner.web.portal import portal
from runner.web.rotation import rotation_route
from runner.web.secret_usage import usage_route
from runner.web.services import Services

_log = log.get("runner.daemon")

ENDED_AT_ONCE = 1
"""Exit status after a second SIGTERM or SIGINT."""


def start(loaded: Loaded, *, dashboard: bool) -> None:
    """
    Run the daemon until it was told to stop and has drained.

    Raises RunnerError where it cannot start.
    """
    run_process(lambda: _main(loaded, dashboard=dashboard))


def run_process(main: Callable[[], Awaitable[None]]) -> None:
    """
    Harden this process and run `main` on uvloop; of the errors that task groups gather the one of ours is raised alone.
    """
    harden()
    try:
        anyio.run(main, backend="asyncio", backend_options={"use_uvloop": True})
    except BaseExceptionGroup as group:
        raise _told(group) from group


def _told(group: BaseExceptionGroup[BaseException]) -> BaseException:
    ours = group.subgroup(RunnerError)
    found: BaseException = ours or group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


async def _main(loaded: Loaded, *, dashboard: bool) -> None:
    stop = anyio.Event()
    async with anyio.create_task_group() as tasks:
        await tasks.start(watch_signals, stop.set)
        async with open_service(loaded, dashboard=dashboard) as service:
            await stop.wait()
            await service.drain()
        _log.info("stopped")
        tasks.cancel_scope.cancel()


async def watch_signals(
    first: Callable[[], object], *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Call `first` at the first SIGTERM or SIGINT; end the process at the second, whatever it is doing."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        seen = 0
        async for number in signals:
            seen += 1
            _log.info("told to stop" if seen == 1 else "told again: ending at once", signal=number.name)
            if seen > 1:
                sys.stderr.flush()
                os._exit(ENDED_AT_ONCE)
            first()


class Service:
    """A daemon that is ready."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        engine: Engine,
        *,
        catalogs: Catalogs,
        vault: Vault | None,
        ports: list[int],
    ) -> None:
        self.engine = engine
        self.store = store
        self.catalogs = catalogs
        self.vault = vault
        self.pages: Services | None = None
        """What the dashboard's pages and the API are given, where its port is open."""
        self.ports = ports
        """The triggers' and health port, and the dashboard's where it is open."""
        self._timeout = settings.server.shutdown_timeout

    def reasons(self) -> Sequence[str]:
        """Why no work can be taken now."""
        found = []
        if self.store.degraded:
            found.append("the disk refuses to write: nothing new starts")
        if self.engine.dispatcher.draining:
            found.append("the daemon is stopping")
        return found

    async def drain(self) -> None:
        """Take no new runs, give those in flight their time, then tell whoever watches that it is over."""
        is_clean = await self.engine.dispatcher.drain(self._timeout)
        if not is_clean:
            left = self.engine.dispatcher.live
            _log.warning("runs are left to the next start", runs=left, shutdown_timeout=f"{self._timeout:g}s")
        self.engine.news.close()


@asynccontextmanager
async def open_service(loaded: Loaded, *, dashboard: bool) -> AsyncIterator[Service]:
    """The daemon; inside the block it is ready. Raises RunnerError with one sentence where it cannot start."""
    settings, clock = loaded.settings, system_clock()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        confidential = await enter(open_confidential(settings, os.environ, clock, level=settings.log.level))
        await tell_at_start(loaded, os.environ, clock, confidential.vault)
        store = await enter(open_runs(settings, clock))
        keeper = await enter(open_keeper(confidential, store.vault_notes, clock, settings))
        listeners = listen(stack, settings, dashboard=dashboard)
        control = listen_control(stack, settings.sqlite.path)
        ports = [listener.getsockname()[1] for listener in listeners]
        types = known_types()
        uses = SecretUses(types, confidential, strict_hosts=settings.dashboard.strict_hosts)
        catalogs = await enter(open_catalogs(settings, types, clock, uses))
        engine = await enter(
            open_engine(settings, clock, confidential=confidential, store=store, catalogs=catalogs, ports=ports)
        )
        await engine.dispatcher.judge(store.starts)
        service = Service(settings, store, engine, catalogs=catalogs, vault=confidential.vault, ports=ports)
        triggers = await enter(
            open_triggers(trigger_services(settings, clock, confidential, store, engine), catalogs.current)
        )
        catalogs.follow(triggers.swap)
        engine.sink.run_ended = triggers.run_ended
        shown = Shown(catalogs.documents, lambda: catalogs.current, store.firings, clock)
        more = [
            backup_route(lambda path: back_up(settings, path, clock)),
            usage_route(lambda: uses.documents(catalogs.current)),
            rotation_route(lambda key, by: rotate(confidential, key, by)),
            *pause_routes(triggers.pauses, catalogs.require),
            *inbox_routes(engine.dispatcher.answers),
        ]
        commands = control_app(engine.running, store, shown.everything, service.reasons, more)
        await enter(serve(commands, control))
        apps: list[ASGIApp] = [triggers.app(health_app(service.reasons))]
        if dashboard:
            pages = open_pages(
                loaded,
                clock,
                ports[1],
                confidential=confidential,
                engine=engine,
                store=store,
                catalogs=catalogs,
                pauses=triggers.pauses,
                workflows=shown,
                usage=lambda: uses.documents(catalogs.current),
                reasons=service.reasons,
            )
            service.pages = await enter(pages)
            apps.append(portal(service.pages))
        await _serve(stack, settings, apps, listeners)
        catalogs.tell()
        recovered = await _recover(store, engine, confidential)
        (await _start_watching(stack, settings, clock, service, confidential, uses)).start_soon(keeper.watch)
        _say_ready(service, recovered=recovered)
        yield service


async def _recover(store: SqliteStore, engine: Engine, confidential: Confidential) -> int:
    """Take up what an earlier process left; how many runs it were. What they may print is masked from then on."""
    if await store.live(after="", most=1):
        await confidential.resolver.know_all()
    return await engine.dispatcher.recover()


async def _serve(
    stack: AsyncExitStack, settings: Settings, apps: Sequence[ASGIApp], listeners: Sequence[socket.socket]
) -> None:
    bounds = Bounds(connections=raise_file_limit(), head_bytes=settings.limits.headers_size)
    for app, listener in zip(apps, listeners, strict=True):
        await stack.enter_async_context(serve(app, listener, bounds))


async def _start_watching(
    stack: AsyncExitStack,
    settings: Settings,
    clock: Clock,
    service: Service,
    confidential: Confidential,
    uses: SecretUses,
) -> anyio.abc.TaskGroup:
    """What goes on beside the runs until the block ends; more may be started in what comes back."""
    catalogs, vault, seen = service.catalogs, confidential.vault, confidential.seen

    async def secrets_changed() -> None:
        try:
            await confidential.resolver.know_all()
        except SecretError as error:
            _log.error("a changed vault cannot be opened whole: its new values are not masked", error=str(error))
        await catalogs.judge_again()

    tasks = await stack.enter_async_context(anyio.create_task_group())
    stack.callback(tasks.cancel_scope.cancel)
    tasks.start_soon(confidential.resolver.know_all)
    tasks.start_soon(catalogs.watch)
    tasks.start_soon(log_audit_head, vault, clock)
    tasks.start_soon(uses.watch, secrets_changed, clock)
    tasks.start_soon(keep_flushed, seen_path(settings.sqlite.path), seen, clock)
    if vault is not None:
        tasks.start_soon(remind, vault, clock)
    tasks.start_soon(Retention(service.store, clock, settings.runs.retention).watch)
    return tasks


def _say_ready(service: Service, *, recovered: int) -> None:
    more = {"dashboard_port": service.ports[1]} if len(service.ports) > 1 else {}
    counts = {"workflows": service.catalogs.count, "broken": service.catalogs.broken_count}
    _log.info("ready", port=service.ports[0], **more, **counts, recovered=recovered, boot=service.store.boot)
