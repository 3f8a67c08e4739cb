"""
The lifetime of triggers: opened over the current catalog, told of each new one, closed with the daemon.

    open_triggers(services, catalog) ──► Triggers.swap(catalog)   whenever the folder changes
                                         Triggers.app(own)        port 8080: what is Runner's own, callbacks, triggers
                                         Triggers.run_ended()     some run has ended
                                         Triggers.pauses          whose triggers fire no more

Leaving the block starts nothing more; what was accepted is the dispatcher's.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.types import ASGIApp, Receive, Scope, Send

from runner.definitions.catalog import Catalog
from runner.definitions.trigger_checks import is_own_path
from runner.triggers.callbacks import PREFIX, Callbacks
from runner.triggers.endings import Endings
from runner.triggers.http import HttpTriggers
from runner.triggers.keys import open_keys
from runner.triggers.pauses import Pauses
from runner.triggers.scheduler import Scheduler
from runner.triggers.services import TriggerServices


class Triggers:
    """All triggers of the daemon."""

    def __init__(
        self, http: HttpTriggers, callbacks: Callbacks, scheduler: Scheduler, endings: Endings, pauses: Pauses
    ) -> None:
        self.pauses = pauses
        self._http = http
        self._callbacks = callbacks
        self._scheduler = scheduler
        self._endings = endings

    def swap(self, catalog: Catalog) -> None:
        """From now on the triggers are those of this catalog."""
        self._http.swap(catalog)
        self._scheduler.swap(catalog)
        self._endings.swap(catalog)

    def run_ended(self) -> None:
        """Some run has ended: `run` triggers may wait for it."""
        self._endings.nudge.set()

    def app(self, own: ASGIApp) -> ASGIApp:
        """The application of port 8080, `own` answering at the paths that no trigger can take."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope["path"]
            if path.startswith(PREFIX):
                await self._callbacks.serve(scope, receive, send)
            else:
                await (own if is_own_path(path) else self._http.serve)(scope, receive, send)

        return answer


@asynccontextmanager
async def open_triggers(services: TriggerServices, catalog: Catalog) -> AsyncIterator[Triggers]:
    """The triggers of `catalog`, ready inside the block. Raises StoreError."""
    pauses = await Pauses.load(services.store.firings)
    async with open_keys(services.clock, services.limits) as keys, anyio.create_task_group() as tasks:
        callbacks = Callbacks(services.dispatcher.answers)
        scheduler, endings = Scheduler(services, pauses), Endings(services, pauses)
        pauses.follow(scheduler.nudge.set)
        triggers = Triggers(HttpTriggers(services, keys, pauses), callbacks, scheduler, endings, pauses)
        triggers.swap(catalog)
        tasks.start_soon(scheduler.watch)
        tasks.start_soon(endings.watch)
        try:
            yield triggers
        finally:
            tasks.cancel_scope.cancel()
