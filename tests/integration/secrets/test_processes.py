"""Two processes over one vault: what one sets, the other's next resolve has."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runner.clock import SystemClock
from runner.errors import SecretMissingError
from runner.secrets.keys import new_master_key, parse
from runner.secrets.vault import open_vault

SETTER = """
import sys
from pathlib import Path

import anyio

from runner.clock import SystemClock
from runner.secrets.keys import parse
from runner.secrets.vault import open_vault


async def main() -> None:
    async with open_vault(Path(sys.argv[1]), parse(sys.argv[2]), clock=SystemClock()) as vault:
        for line in sys.stdin:
            what, value = line.split()
            await vault.set("A", value) if what == "set" else await vault.delete("A")
            print("done", flush=True)


anyio.run(main)
"""
ROOT = Path(__file__).parents[3]


def setter(path: Path, key: str) -> "subprocess.Popen[str]":
    """A process that sets A to what its standard input says, line by line."""
    return subprocess.Popen(
        [sys.executable, "-c", SETTER, str(path), key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )


def told(process: "subprocess.Popen[str]", what: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(what + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


class TestTwoProcesses:
    async def test_every_change_of_one_is_seen_by_the_others_next_resolve(self, vault_path: Path) -> None:
        """A hundred in a row, none missed, and a delete at the end."""
        key = new_master_key()
        async with open_vault(vault_path, parse(key), clock=SystemClock()) as vault:
            with setter(vault_path, key) as process:
                for number in range(100):
                    told(process, f"set value-number-{number:03}")
                    assert await vault.resolve(frozenset({"A"})) == {"A": f"value-number-{number:03}"}
                told(process, "delete x")
                with pytest.raises(SecretMissingError):
                    await vault.resolve(frozenset({"A"}))
                assert process.stdin is not None
                process.stdin.close()
                assert process.wait() == 0

    async def test_a_kill_in_the_middle_of_setting_leaves_a_whole_vault(self, vault_path: Path) -> None:
        """Whatever instant it comes at, the vault opens and holds what was said to be done."""
        key = new_master_key()
        for _ in range(3):
            with setter(vault_path, key) as process:
                told(process, "set value-that-is-done")
                assert process.stdin is not None
                process.stdin.write("set value-in-flight\n" * 20)
                process.stdin.flush()
                process.kill()
                process.wait()

            async with open_vault(vault_path, parse(key), clock=SystemClock()) as vault:
                assert (await vault.resolve(frozenset({"A"})))["A"] in {"value-that-is-done", "value-in-flight"}

    @pytest.mark.benchmark
    async def test_a_cached_resolve_takes_microseconds(self, vault_path: Path, record_property: Any) -> None:
        """Reported, with a bound that only a query through aiosqlite would pass."""
        async with open_vault(vault_path, parse(new_master_key()), clock=SystemClock()) as vault:
            await vault.set("A", "value-number-1")
            names, turns = frozenset({"A"}), 2_000
            begin = time.thread_time()
            for _ in range(turns):
                await vault.resolve(names)
            each = (time.thread_time() - begin) / turns * 1e6

        record_property("resolve_us", round(each, 1))
        assert each < 200
