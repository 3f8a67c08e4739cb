"""Another master key: everything is there under it, nothing under the old one, whatever instant a kill comes at."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.clock import SystemClock
from runner.errors import VaultKeyError
from runner.secrets.keys import MasterKey, new_master_key, parse
from runner.secrets.sealer import RunSealer
from runner.secrets.vault import Vault, open_vault
from tests.integration.secrets.disk import behind_its_back, every_byte

ROOT = Path(__file__).parents[3]

DRIVER = """
import json, os, signal, sys
from pathlib import Path

import anyio

from runner.clock import SystemClock
from runner.secrets.keys import parse
from runner.secrets.sqlite_rows import SqliteRows
from runner.secrets.vault import open_vault


async def rotate(job):
    async with open_vault(Path(job["path"]), parse(job["old"]), clock=SystemClock()) as vault:
        print("begin", flush=True)
        await vault.rotate(parse(job["new"]))
        print("done", flush=True)
        if not job["at"]:
            signal.pause()  # until the kill, however late it comes


def kill_at(number):
    run, count = SqliteRows._run, 0

    async def counted(self, statement, *values):
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return await run(self, statement, *values)

    SqliteRows._run = counted


for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if not pid:
        kill_at(job["at"])
        anyio.run(rotate, job)
        os._exit(0)
    print(pid, flush=True)
    _, status = os.waitpid(pid, 0)
    print("killed" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}", flush=True)
"""


@contextmanager
def driver() -> Iterator["subprocess.Popen[str]"]:
    """A process that forks one for each rotation, so that each costs no start of an interpreter."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()


def told(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def rotation(process: "subprocess.Popen[str]", path: Path, keys: tuple[str, str], at: int = 0) -> int:
    """Begin one in a process of its own; its id."""
    assert process.stdin is not None
    job = {"path": str(path), "old": keys[0], "new": keys[1], "at": at}
    process.stdin.write(json.dumps(job) + "\n")
    process.stdin.flush()
    return int(told(process))


async def vault_of(path: Path, key: str, secrets: int) -> None:
    """A closed vault of so many secrets, one of them with two versions."""
    async with open_vault(path, parse(key), clock=SystemClock()) as vault:
        await vault.set("S0", "value-number-0")
        for number in range(secrets):
            await vault.set(f"S{number}", f"value-number-{number}")


async def opened_by(path: Path, keys: tuple[str, ...], secrets: int) -> list[str]:
    """Those of the keys that open all of the vault, log included."""
    found = []
    for key in keys:
        try:
            async with open_vault(path, parse(key), clock=SystemClock()) as vault:
                values = await vault.resolve(frozenset(f"S{number}" for number in range(secrets)))
                assert values == {f"S{number}": f"value-number-{number}" for number in range(secrets)}
                assert (await vault.check_audit()).findings == ()
                found.append(key)
        except VaultKeyError:
            continue
    return found


def copied(path: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir()
    return Path(shutil.copy(path, to / path.name))


class TestRotate:
    async def test_all_of_it_opens_under_the_new_key_and_nothing_under_the_old(
        self, vault_path: Path, master: MasterKey
    ) -> None:
        """Values of every version, sealed outputs, idempotency keys, the audit log; in this process and the next."""
        new = parse(new_master_key())
        async with open_vault(vault_path, master, clock=SystemClock()) as vault:
            await vault.set("A", "first-value-of-a", by="ann")
            await vault.set("A", "second-value-of-a", by="bob")
            sealer, shown = RunSealer(lambda: vault.ring), vault.verification_key
            sealed, key = sealer.seal("01RUN", b"data"), sealer.idempotency_key("x")

            assert await vault.rotate(new, by="ann") is True

            assert sealer.open("01RUN", sealed) == b"data"
            assert sealer.idempotency_key("x") == key
            assert sealer.seal("01RUN", b"data")[:5] != sealed[:5], "what comes now lies under a fresh key"
            assert await vault.set("A", "third-value-of-a") == 3
            assert await vault.rotate(new) is True, "and again, to any key"

        async with open_vault(vault_path, new, clock=SystemClock()) as again:
            assert again.content.every["A"] == ("first-value-of-a", "second-value-of-a", "third-value-of-a")
            assert RunSealer(lambda: again.ring).idempotency_key("x") == key
            assert (await again.check_audit(key=shown)).findings == ()
            assert [row.action for row in await again.audit_log()][-3:] == ["rotate", "replace", "rotate"]
        with pytest.raises(VaultKeyError, match=r"Its master key was rotated on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"):
            async with open_vault(vault_path, master, clock=SystemClock()):
                pass

    async def test_a_passphrase_takes_the_place_of_a_random_key_and_back(self, vault: Vault, vault_path: Path) -> None:
        """The kind of the key and its parameters are the new one's."""
        await vault.set("A", "first-value-of-a")

        for text in ("a passphrase of the second kind", new_master_key()):
            await vault.rotate(parse(text))
            async with open_vault(vault_path, parse(text), clock=SystemClock()) as again:
                assert await again.resolve(frozenset({"A"})) == {"A": "first-value-of-a"}

    async def test_another_process_is_told_and_writes_nothing(
        self, vault: Vault, vault_path: Path, master: MasterKey
    ) -> None:
        """It has the old key still: resolving and setting are refused in one sentence, not called tampering."""
        await vault.set("A", "first-value-of-a")
        async with open_vault(vault_path, master, clock=SystemClock()) as other:
            await vault.rotate(parse(new_master_key()))

            for attempt in (other.resolve(frozenset({"A"})), other.set("A", "second-value-of-a")):
                with pytest.raises(VaultKeyError, match=r"^The vault has another master key by now.* was rotated on "):
                    await attempt

        assert [info.version for info in await vault.list()] == [1]

    async def test_the_previous_key_opens_what_was_not_rotated_yet(self, vault_path: Path, master: MasterKey) -> None:
        """Said by a property; a key that was rotated away is of no use as the previous one of another."""
        new = parse(new_master_key())
        async with open_vault(vault_path, master, clock=SystemClock()) as vault:
            seen = [vault.opened_by_previous]
        for _ in range(2):
            async with open_vault(vault_path, new, previous=master, clock=SystemClock()) as vault:
                seen.append(vault.opened_by_previous)
                await vault.rotate(new)
                seen.append(vault.opened_by_previous)

        assert seen == [False, True, False, False, False]
        with pytest.raises(VaultKeyError, match="was rotated on"):
            async with open_vault(vault_path, parse(new_master_key()), previous=master, clock=SystemClock()):
                pass


class TestErased:
    async def test_no_byte_of_an_old_blob_is_left(self, vault: Vault, vault_path: Path) -> None:
        """Sealed values, wrapped keys, the check value; small and over many pages."""
        blobs = await _filled(vault, vault_path)

        assert await vault.rotate(parse(new_master_key())) is True

        disk = every_byte(vault_path.parent)
        assert not [blob for blob in blobs if blob[1:40] in disk or blob[-40:] in disk]

    async def test_while_somebody_reads_that_is_said_and_erased_afterwards(
        self, vault_path: Path, master: MasterKey
    ) -> None:
        """The rotation itself is done; the bytes go with the next change once the reader has ended."""
        async with open_vault(vault_path, master, clock=SystemClock(), erase_within=0.0) as vault:
            blobs = await _filled(vault, vault_path)
            with behind_its_back(vault_path) as reader:
                reader.execute("begin")
                reader.execute("select * from versions").fetchone()
                assert await vault.rotate(parse(new_master_key())) is False
                assert await vault.resolve(frozenset({"A"})) == {"A": "first-value-of-a"}
            await vault.set("C", "first-value-of-c")

            disk = every_byte(vault_path.parent)
            assert not [blob for blob in blobs if blob[1:40] in disk or blob[-40:] in disk]


class TestKills:
    async def test_a_kill_at_every_statement_leaves_one_key(self, tmp_path: Path) -> None:
        """Each write of the transaction in turn, its begin and its commit included; then one that runs through."""
        keys = (new_master_key(), new_master_key())
        made = tmp_path / "made" / "runner.db"
        await vault_of(made, keys[0], 3)
        outcomes = []
        with driver() as process:
            for number in range(1, 60):
                path = copied(made, tmp_path / "copy")
                rotation(process, path, keys, at=number)
                said = [told(process)]
                while said[-1] in {"begin", "done"}:
                    said.append(told(process))
                outcomes.append((said[-1], await opened_by(path, keys, 3)))
                if said[-1] != "killed":
                    break

        assert len(outcomes) > 15
        assert all(len(openers) == 1 for _, openers in outcomes)
        assert outcomes[-1] == ("exit 0", [keys[1]])
        assert outcomes[0] == ("killed", [keys[0]])

    @pytest.mark.parametrize(
        ("kills", "secrets"), [(25, 200), pytest.param(200, 1_000, marks=pytest.mark.benchmark)], ids=["short", "long"]
    )
    async def test_a_kill_at_any_instant_leaves_one_key(
        self, kills: int, secrets: int, tmp_path: Path, record_property: Any
    ) -> None:
        """Exactly one of the two keys opens all of it, whenever it came."""
        keys = (new_master_key(), new_master_key())
        made = tmp_path / "made" / "runner.db"
        await vault_of(made, keys[0], secrets)
        count = {keys[0]: 0, keys[1]: 0}
        with driver() as process:
            longest = _measured(process, copied(made, tmp_path / "copy"), keys)
            for _ in range(kills):
                path = copied(made, tmp_path / "copy")
                pid = rotation(process, path, keys)
                assert told(process) == "begin"
                _wait(random.random() * longest * 1.1)
                os.kill(pid, signal.SIGKILL)
                while told(process) in {"begin", "done"}:
                    continue
                (key,) = await opened_by(path, keys, secrets)
                count[key] += 1

        record_property("old_key", count[keys[0]])
        record_property("new_key", count[keys[1]])
        assert sum(count.values()) == kills


def _measured(process: "subprocess.Popen[str]", path: Path, keys: tuple[str, str]) -> float:
    pid = rotation(process, path, keys)
    assert told(process) == "begin"
    begin = time.monotonic()
    assert told(process) == "done"
    took = time.monotonic() - begin
    os.kill(pid, signal.SIGKILL)
    assert told(process) == "killed"
    return took


def _wait(seconds: float) -> None:
    time.sleep(seconds)


async def _filled(vault: Vault, path: Path) -> list[bytes]:
    for name, value in (("A", "first-value-of-a"), ("B", "x" * 60_000)):
        await vault.set(name, value)
    with behind_its_back(path) as tables:
        rows = tables.execute(
            "select sealed, wrapped from versions union all select check_value, wrapped from vault, ring"
        )
        blobs = [bytes(blob) for row in rows for blob in row]
    assert all(blob[1:40] in every_byte(path.parent) for blob in blobs)
    return blobs
