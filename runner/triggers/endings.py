"""
`run` triggers: a run that ended starts another, once, and never itself.

    end of a run ──store keeps it──► Endings ──who waits for it?──► if, inputs ──► submit ──► forgotten

Ends are kept in the transaction that ends the run, and forgotten once all triggers were told: a kill between tells
again, and the key of the end keeps it one run. `$trigger.run.after` names the workflows whose runs led here; a trigger
does not fire for a run that its own workflow led to, so that no chain of notices goes round.
"""

from typing import Any, Final, NamedTuple

import msgspec

from runner import log
from runner.clock import iso
from runner.definitions.catalog import Catalog
from runner.definitions.fields import decode
from runner.definitions.triggers import RunTrigger
from runner.engine.admission import Submission
from runner.errors import RefusedError, RunnerError, StoreError
from runner.events import Accepted
from runner.expressions.labels import Labelled
from runner.nudge import Nudge
from runner.ports import RunRow
from runner.records import Ending
from runner.triggers.firing import Computed, hashed
from runner.triggers.looking import AGAIN, LONGEST, keep_looking
from runner.triggers.pauses import Pauses
from runner.triggers.schedule import identity_of
from runner.triggers.services import TriggerServices

_log = log.get("runner.triggers")

_AT_ONCE: Final = 100
_REMEMBERED: Final = 7 * 86_400.0
"""Seconds that the key of an end stands: far longer than an end is told of again after a kill."""


class _Watcher(NamedTuple):
    workflow: str
    identity: str
    config: RunTrigger
    computed: Computed

    def waits_for(self, ending: Ending) -> bool:
        names = (self.config.workflow,) if isinstance(self.config.workflow, str) else self.config.workflow
        if names != ("*",) and ending.workflow not in names:
            return False
        if self.config.state == "recovered":
            return ending.state == "succeeded" and ending.failures > 0
        return ending.state == self.config.state


class Endings:
    """The `run` triggers of the current catalog."""

    def __init__(self, services: TriggerServices, pauses: Pauses) -> None:
        self.nudge = Nudge(services.clock)
        self._services = services
        self._pauses = pauses
        self._watchers: tuple[_Watcher, ...] = ()

    def swap(self, catalog: Catalog) -> None:
        """From now on the triggers are those of this catalog; where there are none, ends are not kept."""
        self._watchers = tuple(
            _Watcher(
                entry.workflow.name,
                identity_of(entry.workflow.name, trigger.config),
                decode(trigger.config, RunTrigger),
                Computed(entry.workflow, trigger),
            )
            for entry in catalog.entries.values()
            for trigger in entry.workflow.triggers
            if trigger.type == "run"
        )
        self._services.store.firings.watch_endings(watched=bool(self._watchers))
        self.nudge.set()

    async def watch(self) -> None:
        """Tell of ends, for as long as the block around it lives."""
        await keep_looking(self.nudge, self.look, "run triggers wait")

    async def look(self) -> float:
        """Tell of the oldest ends; how many seconds until there may be more. Raises StoreError."""
        firings = self._services.store.firings
        endings = await firings.endings(_AT_ONCE)
        if not endings:
            return LONGEST
        for ending in endings:
            watchers = [each for each in self._watchers if each.waits_for(ending) and each.workflow not in self._pauses]
            if watchers and not await self._tell(ending, watchers):
                return AGAIN
            await firings.forget(ending.number)
        return 0.0

    async def _tell(self, ending: Ending, watchers: list[_Watcher]) -> bool:
        row = await self._services.store.get(ending.run)
        if row is None:
            return True
        after = await self._after(row)
        for watcher in watchers:
            if watcher.workflow not in after and not await self._fire(watcher, ending, row, after):
                return False
        return True

    async def _fire(self, watcher: _Watcher, ending: Ending, row: RunRow, after: list[str]) -> bool:
        """Start the trigger's run; False where that has to wait. Raises StoreError."""
        services = self._services
        value = Labelled({"run": self._told(ending, row, [*after, watcher.workflow])})
        try:
            if not await watcher.computed.applies(value, services):
                return True
            await services.dispatcher.submit(
                Submission(
                    workflow=watcher.workflow,
                    inputs=await watcher.computed.filled(value, services),
                    trigger=value,
                    kind="run",
                    dedupe=hashed(f"run {watcher.identity}", ending.number),
                    dedupe_until=services.clock.wall() + _REMEMBERED,
                )
            )
        except StoreError:
            raise
        except RunnerError as error:
            if isinstance(error, RefusedError) and error.reason == "draining":
                return False
            reason = error.reason if isinstance(error, RefusedError) else "error"
            services.refused("run", watcher.workflow, reason)
            _log.warning("run trigger refused", workflow=watcher.workflow, run=row.id, error=str(error))
        return True

    def _told(self, ending: Ending, row: RunRow, after: list[str]) -> dict[str, Any]:
        """`$trigger.run`."""
        recovered = ending.state == "succeeded" and ending.failures > 0
        return {
            "id": row.id,
            "workflow": row.workflow,
            "state": "recovered" if recovered else ending.state,
            "error": row.error,
            "failed_action": row.failed_action,
            "failures": ending.failures,
            "accepted_at": iso(row.accepted_at),
            "started_at": None if row.started_at is None else iso(row.started_at),
            "ended_at": None if row.ended_at is None else iso(row.ended_at),
            "url": f"{self._services.base}/runs/{row.id}",
            "after": after,
        }

    async def _after(self, row: RunRow) -> list[str]:
        """The workflows whose `run` triggers led to this run, the first first."""
        if row.trigger != "run":
            return []
        for entry in await self._services.store.read(row.id):
            for event in entry.events:
                if isinstance(event, Accepted) and event.trigger.json is not None:
                    found = msgspec.json.decode(event.trigger.json)
                    return list(found.get("run", {}).get("after", []))
        return []
