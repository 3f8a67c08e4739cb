"""What the audit log is told of resolves and refusals: the first of an hour at once, the others as a number."""

from typing import Any

import pytest

from runner.errors import SecretError
from runner.secrets.audit import AuditEntry
from runner.secrets.use_log import BATCH, HOUR, MOST, UseLog
from runner.testing import FakeClock

NAMES = frozenset({"A", "B"})


class Log:
    """A vault whose disk refuses when it is told to. `on_audit` happens while it writes."""

    def __init__(self) -> None:
        self.batches: list[tuple[AuditEntry, ...]] = []
        self.is_full = False
        self.on_audit: Any = None

    async def audit(self, *entries: AuditEntry) -> None:
        if self.is_full:
            raise SecretError("the vault cannot be used: disk full")
        if self.on_audit is not None:
            self.on_audit()
        self.batches.append(entries)

    def told(self) -> list[tuple[Any, ...]]:
        """Action, subject, details without times, and forget them."""
        found = [
            (each.action, each.subject, {key: value for key, value in each.details.items() if key != "since"})
            for batch in self.batches
            for each in batch
        ]
        self.batches.clear()
        return found


class TestUseLog:
    async def test_the_first_of_an_hour_is_told_and_the_others_are_counted(self) -> None:
        """Per secret, workflow and revision; what came after the first is told once the hour is over."""
        log, clock = Log(), FakeClock()
        uses = UseLog(log, clock)

        uses.resolved(NAMES, "orders", "r1")
        await uses.flush()
        first = {"workflow": "orders", "revision": "r1", "count": 1}
        assert sorted(log.told()) == [("resolve", "A", first), ("resolve", "B", first)]

        for _ in range(41):
            uses.resolved({"A"}, "orders", "r1")
        uses.resolved({"A"}, "orders", "r2")
        await uses.flush()
        assert log.told() == [("resolve", "A", {"workflow": "orders", "revision": "r2", "count": 1})]

        await clock.advance(HOUR)
        await uses.flush()
        assert log.told() == [("resolve", "A", first | {"count": 41})]
        await uses.flush()
        assert log.told() == []

    async def test_a_refusal_names_workflow_and_host(self) -> None:
        """A policy's has no host; the second of an hour is counted, however often it is tried."""
        log, clock = Log(), FakeClock()
        uses = UseLog(log, clock)

        for _ in range(1000):
            uses.refused("A", "orders")
            uses.refused("A", "orders", "https://evil.example")
            await uses.flush()
        await uses.flush(is_end=True)

        host = {"workflow": "orders", "host": "https://evil.example"}
        assert log.told() == [
            ("refused", "A", {"workflow": "orders", "count": 1}),
            ("refused", "A", host | {"count": 1}),
            ("refused", "A", {"workflow": "orders", "count": 999}),
            ("refused", "A", host | {"count": 999}),
        ]

    async def test_what_a_full_disk_refuses_is_told_later_and_whole(self) -> None:
        """Nothing is lost, nothing is told twice."""
        uses = UseLog(vault := Log(), FakeClock())
        vault.is_full = True
        uses.resolved({"A"}, "orders", "r1")
        for _ in range(2):
            with pytest.raises(SecretError):
                await uses.flush()
        uses.resolved({"A"}, "orders", "r1")
        vault.is_full = False

        await uses.flush()
        await uses.flush(is_end=True)

        assert vault.told() == [("resolve", "A", {"workflow": "orders", "revision": "r1", "count": 2})]

    async def test_what_comes_while_a_row_is_written_is_not_lost(self) -> None:
        """It is part of the next row."""
        log = Log()
        uses = UseLog(log, FakeClock())
        log.on_audit = lambda: uses.resolved({"A"}, "orders", "r1")
        uses.resolved({"A"}, "orders", "r1")

        await uses.flush()
        log.on_audit = None
        await uses.flush(is_end=True)

        assert [details["count"] for _, _, details in log.told()] == [1, 1]

    async def test_memory_and_transactions_are_bounded(self) -> None:
        """Beyond ten thousand different ones they are counted together; an hour later all are forgotten."""
        log, clock = Log(), FakeClock()
        uses = UseLog(log, clock)
        for number in range(MOST + 500):
            uses.resolved({f"S{number}"}, "orders", "r1")

        await uses.flush()

        assert max(map(len, log.batches)) == BATCH
        told = log.told()
        assert len(told) == MOST + 1
        assert told[-1] == ("resolve", "others", {"count": 500})
        await clock.advance(HOUR)
        await uses.flush()
        assert uses._counts == {}

    async def test_without_a_vault_nothing_is_kept(self) -> None:
        """There is no log then."""
        uses = UseLog(None, FakeClock())
        uses.resolved(NAMES, "orders", "r1")
        uses.refused("A", "orders")
        await uses.flush(is_end=True)
        assert uses._counts == {}
