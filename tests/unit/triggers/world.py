"""Triggers over a whole engine in memory, with a clock that a test moves."""

import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from runner.definitions.catalog import EMPTY, Catalog, build
from runner.ports import FiringRow, RunFilter
from runner.redaction import Redactor
from runner.store.memory import MemoryStore
from runner.testing import FakeClock
from runner.triggers.endings import Endings
from runner.triggers.pauses import Pauses
from runner.triggers.scheduler import Scheduler
from runner.triggers.services import TriggerServices
from tests.unit.engine.fakes import action_type
from tests.unit.engine.harness import Engine, FakeSealer, open_engine

_ALL = RunFilter(limit=1000)


def catalog(**files: str) -> Catalog:
    """A catalog of these workflows."""
    texts = {f"{name}.yaml": f"name: {name}\n{textwrap.dedent(text)}".encode() for name, text in files.items()}
    built = build(EMPTY, texts, {"work": action_type()})
    assert not built.broken, built.broken
    return built


class World:
    """Engine, schedules and `run` triggers, none of which looks on its own."""

    def __init__(self, engine: Engine, clock: FakeClock, services: TriggerServices, pauses: Pauses) -> None:
        self.engine = engine
        self.clock = clock
        self.services = services
        self.pauses = pauses
        self.scheduler = Scheduler(services, pauses)
        self.endings = Endings(services, pauses)

    def load(self, found: Catalog) -> None:
        """Put a catalog in force."""
        self.engine.workflows.clear()
        self.engine.workflows.update({name: entry.workflow for name, entry in found.entries.items()})
        self.scheduler.swap(found)
        self.endings.swap(found)

    async def at(self, wall: float) -> float:
        """Look at the schedules at that instant."""
        self.clock.step(wall - self.clock.wall())
        return await self.scheduler.look()

    async def told(self) -> None:
        """Let everything end, and tell of all ends."""
        while True:
            for row in await self.engine.store.find(_ALL):
                await self.engine.dispatcher.wait(row.id)
            if not await self.engine.store.firings.endings(1):
                return
            await self.endings.look()

    async def firings(self, workflow: str) -> list[FiringRow]:
        """What became of its firings, oldest first."""
        return list(reversed(await self.engine.store.firings.recent([workflow], 1000)))

    async def runs(self, workflow: str) -> list[Any]:
        """Its runs, oldest first."""
        return [row for row in reversed(await self.engine.store.find(_ALL)) if row.workflow == workflow]


@asynccontextmanager
async def world(wall: float = 0.0, store: MemoryStore | None = None) -> AsyncIterator[World]:
    """Everything, at that instant."""
    clock = FakeClock(wall=wall)
    async with open_engine(clock=clock, store=store or MemoryStore(clock=clock)) as engine:
        services = TriggerServices(
            clock=clock,
            dispatcher=engine.dispatcher,
            store=engine.store,
            resolver=engine.resolver,
            sealer=FakeSealer(),
            redactor=Redactor(),
        )
        yield World(engine, clock, services, await Pauses.load(engine.store.firings))
