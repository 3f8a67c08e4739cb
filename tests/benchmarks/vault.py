"""
How fast the vault is with 10,000 secrets: figures to report, never asserted (`make bench`).

    resolve    one cached secret, the check for other processes' changes and the policy included (aim 20 µs)
    open       from the file to a vault that is verified and can be asked
    values     all of them opened, as masking does at the daemon's start, in a thread
    list       all of them, without values (aim 200 ms)
    set        one secret more, on disk and seen
    policy     one policy narrower, on disk and seen
"""

import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import msgspec
import pytest

from runner.clock import SystemClock
from runner.secrets.keys import MasterKey, new_master_key, parse
from runner.secrets.policy import PolicyChange
from runner.secrets.rows import SecretRow
from runner.secrets.vault import Vault, open_vault
from tests.integration.secrets.disk import behind_its_back

pytestmark = pytest.mark.benchmark

SECRETS = 10_000
ROUNDS = 5
RESOLVES = 20_000


def figure(name: str, text: str) -> None:
    """One line of the report."""
    print(f"\nvault {name}: {text}")  # noqa: T201  the report is its output


@pytest.fixture
def master() -> MasterKey:
    """A random key: no passphrase to stretch."""
    return parse(new_master_key())


@pytest.fixture
async def path(tmp_path: Path, master: MasterKey) -> Path:
    """A vault of 10,000 secrets, made in one transaction: by `set` it would take a long time."""
    path = tmp_path / "runner.db"
    async with open_vault(path, master, clock=SystemClock()) as vault:
        _, snapshot = await vault._rows.snapshot()
        opener, rows, versions = vault._opener, [], []
        for number in range(SECRETS):
            row = SecretRow(secrets.token_bytes(16), f"SECRET_{number:05}", 1, "{}", 1e9, 1e9)
            rows.append(row)
            versions.append(opener.seal(row, 1, secrets.token_hex(16), at=1e9, by="benchmark"))
        after = msgspec.structs.replace(snapshot, secrets=tuple(rows), versions=tuple(versions))
        with behind_its_back(path) as tables:
            tables.execute("begin")
            tables.executemany("insert into secrets values (?, ?, ?, ?, ?, ?)", map(msgspec.structs.astuple, rows))
            tables.executemany(
                "insert into versions values (?, ?, ?, ?, ?, ?, ?)", map(msgspec.structs.astuple, versions)
            )
            tables.execute("commit")
        await vault._rows.change(lambda _: opener.change(after, at=1e9))
    return path


async def timed(work: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> str:
    """The median of some rounds, in milliseconds."""
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - begin)
    return f"{median(taken) * 1000:.1f} ms"


async def test_ten_thousand_secrets(path: Path, master: MasterKey) -> None:
    """Each figure alone, on the same vault."""

    async def reopen() -> None:
        async with open_vault(path, master, clock=SystemClock()):
            pass

    figure("open", await timed(reopen))
    async with open_vault(path, master, clock=SystemClock()) as vault:
        begin = time.perf_counter()
        dict(vault.content.every)
        figure("values", f"{(time.perf_counter() - begin) * 1000:.1f} ms")
        await cached(vault)
        figure("list", await timed(vault.list))
        figure("set", await timed(lambda: vault.set("SECRET_00007", secrets.token_hex(16))))
        narrower = iter(range(ROUNDS, 0, -1))

        async def narrow() -> None:
            left = tuple(f"workflow-{number}" for number in range(next(narrower)))
            await vault.change_policy("SECRET_00008", PolicyChange(allowed_workflows=left))

        figure("policy", await timed(narrow))


async def cached(vault: Vault) -> None:
    """The hot path: nothing was changed."""
    names = frozenset({"SECRET_05000"})
    await vault.resolve(names, "orders")
    begin = time.perf_counter()
    for _ in range(RESOLVES):
        await vault.resolve(names, "orders")
    figure("resolve", f"{(time.perf_counter() - begin) / RESOLVES * 1e6:.1f} µs")
