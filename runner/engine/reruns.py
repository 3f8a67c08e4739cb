"""
Whether and how an ended run goes on: its journal, the values it needs, its place.

    run, action ──prepared()──► folded, reopened, every needed value looked at ──► Store.reopen ──► LiveRuns

A value that is needed and of which only the mask is left repeats the action that made it, under the same keys; where
that must not be (`on_interrupt: fail`), or nothing made it (inputs, trigger), the rerun is refused by name (design
§2.14). Called by `runner.engine.dispatcher`.
"""

from typing import NamedTuple

import msgspec

from runner.engine.facts import fixed_values
from runner.engine.intents import Intent
from runner.engine.loading import Loaded, Loader
from runner.engine.outstanding import outstanding
from runner.engine.plan import Piece
from runner.engine.services import Services
from runner.engine.state import Node, Run
from runner.errors import RefusedError, SecretError, StoreError, StoreReadError
from runner.events import Rerun, Stored
from runner.ports import Reopening, RunRow


class Prepared(NamedTuple):
    """A run that may go on once the store has let it in."""

    loaded: Loaded
    intents: list[Intent]
    event: Rerun
    reopening: Reopening


class Reruns:
    """Prepares reruns."""

    def __init__(self, services: Services, loader: Loader) -> None:
        self._services = services
        self._loader = loader

    async def prepared(self, run: str, action: str, by: str, *, start: bool) -> Prepared:
        """Raises RefusedError (`unknown`, `live`, `rerun`, `gone`), StoreError."""
        row = await self._services.store.get(run)
        if row is None:
            raise RefusedError(f"there is no run {run[:40]!r}", reason="unknown")
        if row.ended_at is None:
            raise RefusedError(f"run {row.id} is {row.state}: only a run that has ended is run again", reason="live")
        before = (await self._loader.folded(row)).conductor.run
        _check(row, before, action)
        event = Rerun(self._services.clock.wall(), before.generation + 1, action, by)
        loaded = await self._loader.folded(row, event)
        while gone := await self._gone(row, loaded):
            event = Rerun(event.at, event.generation, action, by, (*event.again, *gone))
            loaded = await self._loader.folded(row, event)
        conductor = loaded.conductor
        concurrency = conductor.run.plan.workflow.concurrency
        append = conductor.recorder.asking(event)
        reopening = Reopening(append=append, generation=event.generation, start=start)
        if concurrency is not None:
            reopening = msgspec.structs.replace(
                reopening, max_queued=concurrency.max_queued, when_full=concurrency.when_full
            )
        return Prepared(loaded, outstanding(conductor.run), event, reopening)

    async def _gone(self, row: RunRow, loaded: Loaded) -> list[str]:
        """The finished places whose values are needed and are there no more. Raises RefusedError."""
        run = loaded.conductor.run
        needed = _needed(run)
        roots = {use.reference.root for piece in needed for use in piece.template.uses}
        ids = {
            str(use.reference.path[0])
            for piece in needed
            for use in piece.template.uses
            if use.reference.root == "action"
        }
        roots |= {"input", "trigger"} if "vars" in roots else set()
        for root, stored in fixed_values(run).items():
            if root in roots and not await self._is_there(loaded, stored):
                raise RefusedError(
                    f"run {row.id}: the value of ${root} is there no more, only its mask: start a new run",
                    reason="gone",
                )
        gone = [place for node in run.nodes.values() if (place := await self._gone_of(loaded, node, ids))]
        for place in gone:
            node = run.node(place)
            if node.plan.action.on_interrupt == "fail":
                raise RefusedError(
                    f"run {row.id}: the value of {place} is there no more, only its mask, and {node.plan.id} must not "
                    f"be repeated (on_interrupt: fail): rerun from {node.plan.id} or one above it",
                    reason="gone",
                )
        return gone

    async def _gone_of(self, loaded: Loaded, node: Node, ids: set[str]) -> str | None:
        if node.items is not None and not node.ended and not await self._is_there(loaded, node.items.event.items):
            return node.place
        is_needed = node.ended and node.plan.id in ids and node.value is not None
        if is_needed and node.value is not None and not await self._is_there(loaded, node.value):
            return node.place
        return None

    async def _is_there(self, loaded: Loaded, stored: Stored) -> bool:
        if stored.sealed is None and stored.blob is None:
            return True
        try:
            await loaded.conductor.recorder.load(stored)
        except StoreReadError:
            raise
        except (SecretError, StoreError):
            return False
        return True


def _check(row: RunRow, run: Run, action: str) -> None:
    main = run.root.plan.phases["main"].actions
    if action and action not in main:
        raise RefusedError(
            f"{row.workflow} has no action {action[:100]!r} of its own: expected one of {', '.join(main)}",
            reason="rerun",
        )
    if row.state == "succeeded" and not action:
        raise RefusedError(
            f"run {row.id} has succeeded: name the action to begin from, one of {', '.join(main)}", reason="rerun"
        )


def _needed(run: Run) -> list[Piece]:
    """What is evaluated from now on, as far as can be told beforehand."""
    root = run.root
    pieces = [
        piece
        for name, plan in root.plan.phases["main"].actions.items()
        if not root.nodes[name].ended
        for piece in plan.pieces()
    ]
    for phase in ("on_failure", "finally"):
        for plan in root.plan.phases[phase].actions.values():
            pieces += plan.pieces()
    return pieces if root.plan.output is None else [*pieces, root.plan.output]
