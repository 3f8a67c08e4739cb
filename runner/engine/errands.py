"""
Work that is done to its end, whatever becomes of whoever asked for it.

    caller ──to_the_end(work)──► a task of the dispatcher's ──► its answer, or its error
       └─ cancelled meanwhile: only the caller hears nothing of it

An HTTP client may go away while its run goes to disk: the run is accepted then, and somebody has to carry it out. So
what begins with a write of the store and ends with a run in memory is an errand (`runner.engine.dispatcher`).
"""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, cast

import anyio
import anyio.abc

from runner.errors import StoreError

Answer = TypeVar("Answer")


class Errands:
    """Runs errands in a task group that outlives those who ask."""

    def __init__(self, tasks: anyio.abc.TaskGroup) -> None:
        self._tasks = tasks

    async def to_the_end(self, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """What `work` returns. Raises what it raises; StoreError where the task group ends before it."""
        errand = _Errand(work)
        self._tasks.start_soon(errand.do)
        await errand.done.wait()
        if errand.error is not None:
            raise errand.error
        return cast("Answer", errand.answer)


class _Errand(Generic[Answer]):
    def __init__(self, work: Callable[[], Awaitable[Answer]]) -> None:
        self.done = anyio.Event()
        self.answer: Answer | None = None
        self.error: Exception | None = StoreError(
            "the daemon has stopped: what was asked of it lies in the store, or not"
        )
        self._work = work

    async def do(self) -> None:
        try:
            self.answer = await self._work()
            self.error = None
        except Exception as error:  # noqa: BLE001  it is the caller's to hear
            self.error = error
        finally:
            self.done.set()
