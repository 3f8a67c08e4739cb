"""What the daemon does about the vault in the background: it says what is due, and erases what could not be erased."""

import io
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from runner import log
from runner.daemon.reminding import remind
from runner.redaction import Redactor
from runner.secrets.keys import new_master_key, parse
from runner.secrets.policy import PolicyChange
from runner.secrets.vault import Vault, open_vault
from runner.testing import FakeClock

DAY = 86_400.0


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes."""
    stream = io.StringIO()
    log.configure("warning", "json", Redactor(), stream)
    yield stream
    log.configure("warning", "json", Redactor(), io.StringIO())


@pytest.fixture
def clock() -> FakeClock:
    """The daemon's clock."""
    return FakeClock()


@pytest.fixture
async def vault(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Vault]:
    """A vault on that clock that does not wait for other readers."""
    path = tmp_path / "data" / "runner.db"
    async with open_vault(path, parse(new_master_key()), clock=clock, erase_within=0.0) as vault:
        yield vault


def said(stream: io.StringIO) -> list[str]:
    """The events that were logged, each with its secret."""
    lines = map(json.loads, stream.getvalue().splitlines())
    return [f"{line['event']}: {line.get('secret')}" for line in lines]


async def pass_time(clock: FakeClock, vault: Vault, seconds: float) -> None:
    """Let time pass, and what woke look at the vault."""
    await clock.advance(seconds)
    with anyio.CancelScope(shield=True):
        await vault.list()
    await anyio.wait_all_tasks_blocked()


async def test_each_is_said_when_it_becomes_due_and_once_a_day(
    clock: FakeClock, vault: Vault, stream: io.StringIO
) -> None:
    """An expiry two weeks ahead, then again as expired."""
    await vault.set("A", "value-number-1", policy=PolicyChange(rotate_every=DAY))
    await vault.set("B", "value-number-2", policy=PolicyChange(expires_at=clock.wall() + 16 * DAY, on_expiry="refuse"))
    counts = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(remind, vault, clock)
        await anyio.wait_all_tasks_blocked()
        for _ in range(4):
            counts.append(said(stream))
            await pass_time(clock, vault, DAY)
        tasks.cancel_scope.cancel()

    rotate, expires = "a secret is due for a new value: A", "a secret will expire: B"
    assert counts[0] == []
    assert counts[1] == [rotate]
    assert sorted(counts[2]) == sorted([rotate, rotate, expires])
    assert "value-number" not in stream.getvalue()


async def test_what_a_reader_kept_from_being_erased_is_erased_later(
    clock: FakeClock, vault: Vault, tmp_path: Path, stream: io.StringIO
) -> None:
    """Within a minute of the reader's end."""
    path = tmp_path / "data" / "runner.db"
    await vault.set("A", "value-number-1")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(remind, vault, clock)
        await anyio.wait_all_tasks_blocked()
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("begin")
            reader.execute("select * from versions").fetchone()
            assert await vault.delete("A") is False
        seen = [vault.is_erased]
        await pass_time(clock, vault, 60)
        while not seen[-1]:
            await anyio.lowlevel.checkpoint()
            seen.append(vault.is_erased)
        tasks.cancel_scope.cancel()

    assert seen[0] is False
    assert said(stream) == []
