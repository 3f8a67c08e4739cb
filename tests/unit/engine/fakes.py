"""An executor whose effects a test sees and whose answers it chooses; a store that dies at a write."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from runner.definitions.fields import Text
from runner.ports import ActionType, Call, ExecutorLimits, Result
from runner.store.memory import MemoryStore
from runner.testing import FakeClock

Answer = Callable[["WorkConfig", Call], Awaitable[Any]]


class WorkConfig(msgspec.Struct, forbid_unknown_fields=True):
    """What a `work` action says: anything, and a text that may be secret."""

    value: Any = None
    text: Text | None = None


class Work:
    """Carries out `work` actions: keeps what it was asked, in order, and answers as the test says (its `value` by default)."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.calls: list[tuple[str, int, Any]] = []
        self.configs: list[Any] = []
        self._answer = answer

    async def execute(self, config: WorkConfig, call: Call) -> Result:
        self.calls.append((call.place, call.attempt, config.value))
        self.configs.append(config)
        value = await self._answer(config, call) if self._answer else config.value
        return value if isinstance(value, Result) else Result(value)

    def count(self, place: str) -> int:
        """How often a place was executed."""
        return sum(one == place for one, _, _ in self.calls)


def action_type(name: str = "work", executor: Work | None = None) -> ActionType:
    """The type of `work` actions."""

    @asynccontextmanager
    async def opened(limits: ExecutorLimits) -> AsyncIterator[Work]:
        yield executor or Work()

    return ActionType(name=name, config=WorkConfig, check=lambda config: (), open=opened)


class Dying(MemoryStore):
    """A store whose process ends with its n-th write: what comes after that is never on disk."""

    def __init__(self, clock: FakeClock, writes: int) -> None:
        super().__init__(clock=clock, auto_commit=False)
        self.writes = writes

    def _committed(self) -> None:
        while self.waiting and self.writes > 0:
            self.writes -= self.commit(1)
