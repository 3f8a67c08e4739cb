"""
Answers to callbacks: from whoever answers into the run's journal, whether the run is in memory or lies in the store.

    give(asked, values) ──► in memory: an order, carried out in the run's own task
                        ──► in the store: folded, journaled, given back; it goes on when it has a slot
                                                                  returns when the answer is on disk

A run that waits holds no slot and needs none to be answered, however busy the others are. `runner.triggers` (the
addresses), the command line and pages call it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import anyio

from runner.engine.callbacks import Addresses, Asked, Question, generation_of, named, question
from runner.engine.live import LiveRuns
from runner.engine.loading import Loaded, Loader
from runner.engine.orders import Answer, Order, Wake
from runner.engine.services import Services
from runner.engine.state import Run
from runner.errors import RefusedError, StoreError
from runner.ports import RunRow
from runner.records import Due

PATIENT_SECONDS: Final = 20.0
"""How long an answer waits for a run that is busy with being taken up."""

_ENDED: Final = "the run has ended: this is not asked any more"


class Answers:
    """Questions that stand, and answers to them."""

    def __init__(self, services: Services, runs: LiveRuns, loader: Loader) -> None:
        self._services = services
        self._runs = runs
        self._loader = loader

    @property
    def addresses(self) -> Addresses:
        """Reads the tokens that callers bring."""
        return self._services.callbacks

    async def question(self, asked: Asked) -> Question:
        """What is asked. Raises RefusedError (`unknown`, `answered`, `expired`, `ended`), StoreError."""
        row = await self._row(asked.run)
        return question((await self._seen(row)).conductor.run, asked, self._services.clock.wall())

    async def named(self, run: str, action: str) -> Question:
        """
        What a run, by its id or a prefix of it, asks at an action, by its id or place.

        Raises RefusedError as `question`, and `ambiguous` where several places wait; StoreError.
        """
        state = (await self._seen(await self._row(run))).conductor.run
        return question(state, named(state, action), self._services.clock.wall())

    async def waiting(self, most: int, after: tuple[str, str] = ("", "")) -> list[Question]:
        """
        What up to `most` places behind the run and place `after` wait for an answer to, the oldest runs first.

        Raises StoreError.
        """
        found: list[Question] = []
        while len(found) < most:
            rows = await self._services.store.asking(most - len(found), after)
            if not rows:
                break
            found += await self._questions(rows)
            after = (rows[-1].run, rows[-1].place)
        return found

    async def _questions(self, rows: Sequence[Due]) -> list[Question]:
        """Those of them that still stand."""
        found = []
        seen: dict[str, Run] = {}
        for due in rows:
            try:
                if due.run not in seen:
                    seen = {due.run: (await self._seen(await self._row(due.run))).conductor.run}
                state = seen[due.run]
                asked = Asked(due.run, due.place, generation_of(state, due.place))
                found.append(question(state, asked, self._services.clock.wall()))
            except RefusedError:
                continue  # answered, or over, since the row was read
        return found

    async def give(self, asked: Asked, given: Mapping[str, Any], by: str) -> None:
        """
        Answer; when this returns the answer is on disk and will be used once.

        Raises RefusedError as `question`, and `inputs`, `busy`; PermanentError for what is too big to be kept;
        StoreError.
        """
        row = await self._row(asked.run)
        order = Answer(asked, given, by)
        if self._runs.in_memory(row.id):
            self._runs.tell(row.id, order)
            await self._heard(order)
        else:
            await self._give_aside(row, order)
        if order.error is not None:
            raise order.error
        if order.durable is None:
            await self._row(row.id)
            raise StoreError(f"run {row.id} cannot be taken up; the log tells why")
        await order.durable

    async def _row(self, run: str) -> RunRow:
        row = await self._services.store.get(run)
        if row is None:
            raise RefusedError(f"there is no run {run[:40]!r}", reason="unknown")
        if row.ended_at is not None:
            raise RefusedError(_ENDED, reason="ended")
        if row.state == "queued":
            raise RefusedError(f"run {row.id} waits for its turn and asks nothing yet", reason="busy")
        return row

    async def _seen(self, row: RunRow) -> Loaded:
        """The run as it is now, to look at."""
        self._runs.hand_over([row.id])
        return await self._loader.folded(row)

    async def _heard(self, order: Answer) -> None:
        with anyio.move_on_after(PATIENT_SECONDS):
            await order.heard.wait()
        if not order.heard.is_set() and order.withdraw():
            raise RefusedError("the run is busy: try again in a moment", reason="busy")
        await order.heard.wait()

    async def _give_aside(self, row: RunRow, order: Answer) -> None:
        """Journal the answer of a run that lies in the store, and those that come meanwhile, without a slot for it."""
        orders = self._runs.borrow(row.id, order)
        kept: list[Order] = []
        try:
            loaded = await self._loader.stored(row.id)
            if loaded is None:
                order.too_late()
                return
            await loaded.context.open()
            self._runs.say_if_cut_off(loaded)
            while orders:
                some = orders[:]
                orders.clear()
                for each in some:
                    if isinstance(each, Answer):
                        await each.carry_out(loaded.conductor)
                    else:
                        kept.append(each)
                await loaded.conductor.recorder.durable()
        finally:
            for each in orders:
                if isinstance(each, Answer):
                    each.too_late()
                else:
                    kept.append(each)
            self._runs.give_back(row.id, Wake(order.asked.place), *kept)
