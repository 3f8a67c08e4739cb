"""
Which secrets were handed to which workflow and which were refused, on their way to the audit log.

    Resolver ──resolved()──┐
    policies, hosts ──refused()──┴─► a count each ──flush(), every few seconds and at the end──► rows of the audit log

The first of an hour is a row within seconds, the others are counted and told by one more row once the hour is over, or
at the end: the counts of all rows are how often it happened. Nobody who resolves waits for it; while the disk refuses,
the counts grow and the rows come later. A kill loses what was not told yet. `runner.daemon.vault_keeper` flushes.
"""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, Protocol

import anyio

from runner.clock import Clock, iso
from runner.secrets.audit import AuditEntry

HOUR: Final = 3600.0
MOST: Final = 10_000
"""Different things that are counted apart at a time; what is beyond is counted together."""

BATCH: Final = 100
"""Rows a transaction: a resolve that finds the vault changed may have to wait for one."""


class Audited(Protocol):
    """What is needed of `runner.secrets.vault.Vault`."""

    async def audit(self, *entries: AuditEntry) -> None:
        """On disk when this returns. Raises SecretError."""


class _What(NamedTuple):
    """What is counted: `detail` is a revision or a host."""

    action: Literal["resolve", "refused"]
    name: str
    workflow: str
    detail: str


class _Count:
    """How often since `since` (wall seconds) without a row, and the hour of the last row (-1: none yet)."""

    __slots__ = ("hour", "since", "untold")

    def __init__(self) -> None:
        self.untold = 0
        self.since = 0.0
        self.hour = -1


class UseLog:
    """Counts for the log of one vault; without a vault there is no log, and nothing is counted."""

    def __init__(self, vault: Audited | None, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock
        self._counts: dict[_What, _Count] = {}
        self._lock = anyio.Lock()

    def resolved(self, names: Iterable[str], workflow: str, revision: str) -> None:
        """These were handed to a run of this revision, or to a trigger of the workflow."""
        for name in names:
            self._add(_What("resolve", name, workflow, revision))

    def refused(self, name: str, workflow: str, host: str = "") -> None:
        """It was not handed out; with `host`, it was not sent there."""
        self._add(_What("refused", name, workflow, host))

    async def flush(self, *, is_end: bool = False) -> None:
        """
        Write what is due to the log; at the end everything. Raises SecretError, and then all of it is still to be told.
        """
        if self._vault is None:
            return
        async with self._lock:
            hour = int(self._clock.wall() // HOUR)
            due = [
                (what, count) for what, count in self._counts.items() if count.untold and (is_end or count.hour != hour)
            ]
            for start in range(0, len(due), BATCH):
                await self._tell(self._vault, due[start : start + BATCH], hour)
            self._counts = {what: count for what, count in self._counts.items() if count.untold or count.hour == hour}

    async def _tell(self, vault: Audited, due: list[tuple[_What, _Count]], hour: int) -> None:
        """One transaction; what is counted meanwhile stays untold."""
        told = [count.untold for _, count in due]
        with anyio.CancelScope(shield=True):  # or the same would be told twice
            await vault.audit(*(_entry(what, count) for what, count in due))
        now = self._clock.wall()
        for (_, count), number in zip(due, told, strict=True):
            count.untold -= number
            count.since, count.hour = now, hour

    def _add(self, what: _What) -> None:
        if self._vault is None:
            return
        count = self._counts.get(what)
        if count is None:
            if len(self._counts) >= MOST:
                what = _What(what.action, "", "", "")
            count = self._counts.setdefault(what, _Count())
        if not count.untold:
            count.since = self._clock.wall()
        count.untold += 1


def _entry(what: _What, count: _Count) -> AuditEntry:
    details: dict[str, str | int] = {"workflow": what.workflow} if what.name else {}
    if what.detail:
        details["revision" if what.action == "resolve" else "host"] = what.detail
    details["count"] = count.untold
    if count.untold > 1:
        details["since"] = iso(count.since)
    return AuditEntry(what.action, what.name or "others", "", details)
