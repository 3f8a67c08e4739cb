"""Kills and disks that refuse, with real processes over real files."""

import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from threading import Timer

import anyio
import pytest

from runner.errors import StoreError
from runner.ports import Due, JournalRow, RunFilter
from runner.store.sqlite import SqliteStore, open_store
from tests.contracts.store.made import state
from tests.integration.store.appending import LENGTH

ROOT = Path(__file__).parents[3]
KILLS = 8


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"tests.integration.store.{module}", *arguments]


def _killed(path: Path, seconds: float) -> list[str]:
    """What a process said before it was killed, so many seconds after its first word."""
    process = subprocess.Popen(_python("appending", str(path)), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        said = [process.stdout.readline()]
        Timer(seconds, process.send_signal, [signal.SIGKILL]).start()
        said += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    return [line for line in said if line.endswith("\n")]


async def _nothing_half(store: SqliteStore, run: str, journal: Sequence[JournalRow], due: set[Due]) -> None:
    """A run's row, values and parked places are what its journal says, to the last append."""
    seqs = [row.seq for row in journal]
    assert seqs == list(range(1, len(seqs) + 1))
    row = await store.get(run)
    assert row is not None
    assert row.state == ("succeeded" if len(seqs) == LENGTH else "running")
    if 1 < len(seqs) < LENGTH:
        assert (row.error, row.waiting) == (str(seqs[-1]), True)
    for seq in range(2, LENGTH, 2):
        try:
            kept = await store.blob(run, seq) == run.encode() * 500
        except StoreError:
            kept = False
        assert kept == (seq in seqs)
        assert (Due(run, str(seq), float(seq)) in due) == (seq in seqs and len(seqs) < LENGTH)


class TestKills:
    async def test_what_was_promised_is_there_and_nothing_is_half(self, tmp_path: Path) -> None:
        """SIGKILL at any instant, again and again over the same file, also while it takes up what the last one left."""
        path, promised, random_instants = tmp_path / "runs.db", defaultdict[str, int](int), random.Random(6)
        for kill in range(1, KILLS + 1):
            for line in _killed(path, random_instants.uniform(0, 0.4)):
                run, seq = line.split()
                promised[run] = max(promised[run], int(seq))

            async with open_store(path) as store:
                assert store.boot == 2 * kill
                due = {*await store.due(1e9, 10**6)}
                rows = await store.find(RunFilter(limit=10**6))
                assert promised.keys() <= {row.id for row in rows}
                for row in rows[-200:] if kill < KILLS else rows:
                    journal = await store.read(row.id)
                    assert len(journal) >= promised[row.id]
                    await _nothing_half(store, row.id, journal, due)

        assert len(promised) > KILLS


class TestFullDisk:
    @pytest.mark.parametrize("end", ["mended", "left"])
    async def test_outcomes_wait_until_the_disk_can(self, tmp_path: Path, end: str) -> None:
        """Nothing new starts, lists answer, and everything is written by itself once there is room; or else is in flight."""
        path = tmp_path / "runs.db"

        done = await anyio.run_process(_python("refusing", str(path), end), cwd=ROOT, check=False)

        assert done.returncode == 0, done.stderr.decode()
        async with open_store(path) as store:
            mended = end == "mended"
            assert await state(store, "run-2") == ("succeeded" if mended else "running")
            assert [len(await store.read(run)) for run in ("run-2", "run-3")] == ([2, 2] if mended else [1, 1])
            assert (await store.get("run-9999") is not None) == mended
            assert {claimed.run for claimed in await store.live()} >= {"run-1", "run-3"}
