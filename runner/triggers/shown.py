"""
What people are shown of triggers beside their configs: next firings, what became of the last ones, pauses.

    documents of the catalog ──with_firings()──► … "paused", and of each schedule "next" and "last"

`Shown` does that for the catalog in force: of all workflows, of all without the last firings, or of one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from runner.clock import Clock, iso
from runner.definitions.catalog import Catalog
from runner.records import FiringRow, Paused
from runner.triggers.schedule import Schedule, next_firings

NEXT: Final = 5
LAST: Final = 5

Documents = Iterable[dict[str, Any]]


class FiringReads(Protocol):
    """What is asked of `runner.ports.Firings`."""

    async def recent(self, workflows: Sequence[str], most: int) -> Sequence[FiringRow]:
        """What became of the last firings of each schedule of these workflows, newest first."""

    async def paused(self) -> Mapping[str, Paused]:
        """Workflows whose triggers are paused."""


class Shown:
    """The catalog that `current` gives, whose documents `documents` gives. What needs the store raises StoreError."""

    def __init__(
        self,
        documents: Callable[[], Documents],
        current: Callable[[], Catalog],
        firings: FiringReads,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._current = current
        self._firings = firings
        self._clock = clock

    async def everything(self) -> list[dict[str, Any]]:
        """All documents, with the last firings of each schedule."""
        return await with_firings(self._documents(), self._current(), self._firings, self._clock.wall())

    async def upcoming(self) -> list[dict[str, Any]]:
        """All documents with pauses and the next firing of each schedule alone: one question to the store."""
        paused = await self._firings.paused()
        return with_next(self._documents(), self._current(), self._clock.wall(), paused, most=1)

    async def named(self, name: str) -> list[dict[str, Any]]:
        """The documents of that name: a workflow, and a broken file beside or instead of it."""
        found = [each for each in self._documents() if each["name"] == name]
        return await with_firings(found, self._current(), self._firings, self._clock.wall())


async def with_firings(
    documents: Documents, catalog: Catalog, firings: FiringReads, now: float
) -> list[dict[str, Any]]:
    """The documents with their schedules' firings as they are at `now`. Raises StoreError."""
    paused = await firings.paused()
    found = with_next(documents, catalog, now, paused)
    scheduled = sorted({document["name"] for document in found if _has_schedule(document)})
    last: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in await firings.recent(scheduled, LAST) if scheduled else ():
        last.setdefault((row.workflow, row.trigger), []).append(_told(row))
    for document in found:
        for trigger in document.get("triggers", ()):
            if "identity" in trigger:
                trigger["last"] = last.get((document["name"], trigger["identity"]), [])
    return found


def with_next(
    documents: Documents,
    catalog: Catalog,
    now: float,
    paused: Mapping[str, Paused] | None = None,
    *,
    most: int = NEXT,
) -> list[dict[str, Any]]:
    """The documents with up to `most` next firings of their schedules; what needs no store."""
    return [_filled(document, catalog, now, paused or {}, most) for document in documents]


def _filled(
    document: dict[str, Any], catalog: Catalog, now: float, paused: Mapping[str, Paused], most: int
) -> dict[str, Any]:
    since = paused.get(document["name"])
    document["paused"] = None if since is None else {"at": iso(since.at), "by": since.by}
    workflow = catalog.get(document["name"])
    triggers = document.get("triggers")
    if workflow is None or triggers is None:
        return document
    for schedule in Schedule.all_of(workflow):
        shown = triggers[schedule.number]
        shown["identity"] = schedule.identity
        shown["last"] = []
        shown["next"] = [] if since else [iso(time) for time in next_firings(schedule, now, most)]
    return document


def _has_schedule(document: Mapping[str, Any]) -> bool:
    return any("identity" in trigger for trigger in document.get("triggers", ()))


def _told(row: FiringRow) -> dict[str, Any]:
    return {
        "scheduled_at": iso(row.scheduled_at),
        "outcome": row.outcome,
        "run": row.run,
        "message": row.message,
        "count": row.count,
    }
