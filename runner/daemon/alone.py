"""
One run in this process, where no daemon runs: the same pieces, no ports, nothing recovered (design §2.12).

    lock ──► pieces ──► the run, its children ──► its end
    Ctrl-C cancels it, a second one ends the process at once

What other runs left in the store is not touched: `OwnRuns` shows the engine only what this process accepted. Called by
`runner run`; the run is told line by line to `take`, as a daemon would.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, cast

import anyio

from runner.daemon.catalogs import open_catalogs
from runner.daemon.root import Engine, known_types, open_confidential, open_engine, open_runs, system_clock
from runner.daemon.secret_uses import SecretUses
from runner.daemon.service import run_process, watch_signals
from runner.daemon.vault_keeper import open_keeper
from runner.ports import Admission, Admitted, Claimed, Due, Reopening, Store
from runner.settings import Loaded
from runner.web.inbox import answer
from runner.web.lines import AcceptedLine, AnyLine, RunRequest

BY: Final = "command line"
"""Who asked, in a run's journal."""


class OwnRuns:
    """
    A store in which only the runs that were accepted through it wake or are taken up; everything else is the store's.

    A queued run that another process left may be claimed on the way; it stays as the next start of the daemon finds it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._own: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def admit(self, admission: Admission) -> Admitted:
        """As the store does; the run is one of ours from now on."""
        admitted = await self._store.admit(admission)
        self._own.add(admitted.run)
        return admitted

    async def reopen(self, reopening: Reopening) -> Admitted:
        """As the store does; the run is one of ours from now on."""
        admitted = await self._store.reopen(reopening)
        self._own.add(admitted.run)
        return admitted

    async def claim(self, boot: int, most: int) -> Sequence[Claimed]:
        """Our own queued runs that their limits let go."""
        return [claimed for claimed in await self._store.claim(boot, most) if claimed.run in self._own]

    async def due(self, before: float, most: int) -> Sequence[Due]:
        """Our own parked places that are due."""
        return [due for due in await self._store.due(before, most) if due.run in self._own]


def run_alone(loaded: Loaded, request: RunRequest, take: Callable[[AnyLine], None]) -> None:
    """Carry the run out and hand each line to `take`. Raises RunnerError where it is not accepted."""
    run_process(lambda: _main(loaded, lambda engine: engine.running.start(request), take))


def rerun_alone(loaded: Loaded, run: str, action: str, take: Callable[[AnyLine], None]) -> None:
    """Let an ended run go on, and hand each line of it to `take`. Raises RunnerError where it is refused."""

    async def told(engine: Engine) -> AsyncIterator[AnyLine]:
        admitted = await engine.dispatcher.rerun(run, action, BY)
        async for line in engine.running.follow(admitted.run):
            yield line

    run_process(lambda: _main(loaded, told, take))


def answer_alone(loaded: Loaded, run: str, action: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Answer what a run in the store waits for; the next daemon goes on with it. Raises RunnerError."""
    answered: dict[str, Any] = {}

    async def main() -> None:
        async with _opened(loaded) as engine:
            await engine.dispatcher.drain(0)  # nothing is taken up here
            answered.update(await answer(engine.dispatcher.answers, run, action, texts, BY))

    run_process(main)
    return answered


@asynccontextmanager
async def _opened(loaded: Loaded) -> AsyncIterator[Engine]:
    """The pieces, without ports."""
    settings, clock = loaded.settings, system_clock()
    level = settings.log.level if settings.log.level == "debug" else "error"  # the lines told say the rest
    async with AsyncExitStack() as stack:
        confidential = await stack.enter_async_context(open_confidential(settings, os.environ, clock, level=level))
        store = await stack.enter_async_context(open_runs(settings, clock))
        await stack.enter_async_context(open_keeper(confidential, store.vault_notes, clock, settings))
        types = known_types()
        strict = settings.dashboard.strict_hosts
        uses = SecretUses(types, confidential, strict_hosts=strict)
        catalogs = await stack.enter_async_context(open_catalogs(settings, types, clock, uses))
        own = cast("Store", OwnRuns(store))
        opening = open_engine(settings, clock, confidential=confidential, store=own, catalogs=catalogs)
        yield await stack.enter_async_context(opening)


async def _main(
    loaded: Loaded, start: Callable[[Engine], AsyncIterator[AnyLine]], take: Callable[[AnyLine], None]
) -> None:
    async with _opened(loaded) as engine, anyio.create_task_group() as tasks:
        accepted: list[str] = []

        def cancel() -> None:
            for run in accepted:
                engine.dispatcher.cancel(run, "person", "Ctrl-C")

        await tasks.start(watch_signals, cancel)
        async for line in start(engine):
            if isinstance(line, AcceptedLine):
                accepted.append(line.run)
            take(line)
        tasks.cancel_scope.cancel()
