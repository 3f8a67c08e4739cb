"""
The lifetime of triggers: opened over the current catalog, told of each new one, closed with the daemon.

    open_triggers(services, catalog) ──► Triggers.swap(catalog)   whenever the folder changes
                                         Triggers.app(own)        port 8080: what is Runner's own there, then triggers

Leaving the block starts nothing more; what was accepted is the dispatcher's.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from runner.definitions.catalog import Catalog
from runner.definitions.trigger_checks import is_own_path
from runner.triggers.http import HttpTriggers
from runner.triggers.keys import open_keys
from runner.triggers.services import TriggerServices


class Triggers:
    """All triggers of the daemon."""

    def __init__(self, http: HttpTriggers) -> None:
        self._http = http

    def swap(self, catalog: Catalog) -> None:
        """From now on the triggers are those of this catalog."""
        self._http.swap(catalog)

    def app(self, own: ASGIApp) -> ASGIApp:
        """The application of port 8080, `own` answering at the paths that no trigger can take."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await (own if is_own_path(scope["path"]) else self._http.serve)(scope, receive, send)

        return answer


@asynccontextmanager
async def open_triggers(services: TriggerServices, catalog: Catalog) -> AsyncIterator[Triggers]:
    """The triggers of `catalog`, ready inside the block."""
    async with open_keys(services.clock, services.limits) as keys:
        triggers = Triggers(HttpTriggers(services, keys))
        triggers.swap(catalog)
        yield triggers
