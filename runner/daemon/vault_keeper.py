"""
What is written down of the vault besides secrets: their uses in its audit log, how far it was seen in the store.

    start ──► the store's mark, the log's last rows ──► as they should be? or one sentence: VaultTamperedError
    every few seconds, and at the end ──► UseLog ──► audit log            vault's mark ──► store

A whole older vault is genuine in itself; only what was noted elsewhere shows that it is older. The note comes after the
change, so a kill in between leaves one that is behind, and that refuses nobody. `runner restore` is the way back to an
older vault, `accept` the way on with one that somebody exchanged: both take the master key and stand in the audit log.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio

from runner import log
from runner.clock import Clock
from runner.daemon.root import Confidential, open_runs
from runner.errors import SecretError, StoreError, VaultTamperedError
from runner.marks import VaultMark, VaultNotes
from runner.secrets.audit import AuditEntry
from runner.secrets.use_log import UseLog
from runner.secrets.vault import Vault
from runner.settings import Settings

EVERY: Final = 5.0
"""Seconds between two writes."""

CURE: Final = (
    "bring the right one back with `runner restore FILE`, or, if somebody meant it so, take this one with "
    "`runner secrets accept`"
)

_log = log.get("runner.vault")


class VaultKeeper:
    """Keeps what is written down of one vault, or of none."""

    def __init__(self, vault: Vault | None, uses: UseLog, notes: VaultNotes, clock: Clock) -> None:
        self._vault = vault
        self._uses = uses
        self._notes = notes
        self._clock = clock
        self._noted: VaultMark | None = None
        self._trouble = ""

    async def check(self, path: Path) -> None:
        """Raises VaultTamperedError where the vault at `path` is not the one that was noted, or its log was cut."""
        if self._vault is None:
            return
        noted = await self._notes.read()
        if wrong := await self._vault.check_standing(noted):
            raise VaultTamperedError(f"The vault {path} was exchanged or changed: {'; '.join(wrong)}: {CURE}.")
        self._noted = noted

    async def keep(self, *, is_end: bool = False) -> None:
        """Write what is new; what cannot be written is said once and waits."""
        if self._vault is None:
            return
        try:
            await self._uses.flush(is_end=is_end)
            mark = self._vault.mark
            if mark != self._noted:
                await self._notes.write(mark)
                self._noted = mark
            self._trouble = ""
        except (SecretError, StoreError) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                _log.warning("the audit log or the vault's mark is not kept", error=self._trouble)

    async def watch(self) -> None:
        """Keep every few seconds; never returns, to be cancelled."""
        while True:
            await self._clock.sleep(EVERY)
            await self.keep()


@asynccontextmanager
async def open_keeper(
    confidential: Confidential, notes: VaultNotes, clock: Clock, settings: Settings
) -> AsyncIterator[VaultKeeper]:
    """What is in the block is kept at its end, whole. Raises VaultTamperedError, SecretError, StoreDegradedError."""
    keeper = VaultKeeper(confidential.vault, confidential.uses, notes, clock)
    await keeper.check(settings.sqlite.path)
    await keeper.keep()
    try:
        yield keeper
    finally:
        with anyio.CancelScope(shield=True):
            await keeper.keep(is_end=True)


async def accept(settings: Settings, vault: Vault, clock: Clock, *, by: str) -> list[str]:
    """
    Take the vault as it lies there for the right one; what was wrong with it comes back, and stands in its audit log.

    Raises StoreLockedError while a daemon runs, StoreError, SecretError.
    """
    async with open_runs(settings, clock) as store:
        noted = await store.vault_notes.read()
        wrong = await vault.check_standing(noted)
        if wrong:
            await vault.audit(AuditEntry("accept", "vault", by, {"found": wrong}))
            await store.vault_notes.write(vault.mark)
    return wrong
