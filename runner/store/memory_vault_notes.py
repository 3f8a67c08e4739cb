"""
The mark of the memory store.

`runner.store.memory` opens it over its tables; the contract is `runner.ports.VaultNotes`.
"""

from collections.abc import Callable
from typing import Any

from runner.marks import VaultMark
from runner.store.tables import Tables


class MemoryVaultNotes:
    """`job` hands a piece of work over to be committed."""

    def __init__(self, tables: Tables, job: Callable[[Callable[[], Any]], Any]) -> None:
        self._tables = tables
        self._job = job

    async def read(self) -> VaultMark | None:
        """What was written last."""
        found: VaultMark | None = await self._job(lambda: self._tables.vault_mark)
        return found

    async def write(self, mark: VaultMark) -> None:
        """In the place of what was written before."""

        def work() -> None:
            self._tables.vault_mark = mark

        await self._job(work)
