"""A vault of format 1 is copied, carried over at its first opening, and goes on as it was."""

import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runner.clock import SystemClock
from runner.errors import VaultKeyError, VaultTamperedError
from runner.secrets.cipher import mac, seal
from runner.secrets.keys import Keys, MasterKey, new_master_key, parse
from runner.secrets.ring import key_id
from runner.secrets.sealer import RunSealer, _bound, _run_key
from runner.secrets.vault import open_vault
from tests.integration.secrets.disk import behind_its_back, hashes

TO_FORMAT_1 = """
drop table ring; drop table audit; alter table vault drop column rotated_at; alter table versions drop column policy;
alter table manifest drop column audit_sequence; alter table manifest drop column audit_digest;
alter table manifest drop column audit_mac; alter table manifest drop column audit_key;
pragma user_version=1;
"""


async def format_1(path: Path, master: MasterKey) -> Keys:
    """A closed vault of format 1 with A in two versions, and the keys that its first version derived."""
    async with open_vault(path, master, clock=SystemClock()) as vault:
        await vault.set("A", "first-value-of-a")
        await vault.set("A", "second-value-of-a")
        opener: Any = vault._opener
    with behind_its_back(path) as tables:
        (generation, content), *_ = tables.execute("select generation, content from manifest").fetchall()
        old = msgspec.msgpack.encode(msgspec.msgpack.decode(content)[:2])
        code = mac(opener.keys.manifest, (b"manifest", opener.vault, str(generation).encode(), old))
        tables.execute("update manifest set content = ?, mac = ?", (old, code))
        tables.executescript(TO_FORMAT_1)
    keys: Keys = opener.keys
    return keys


def copies(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.format-1.*"))


def modes(paths: list[Path]) -> list[int]:
    return [stat.S_IMODE(path.stat().st_mode) for path in paths]


class TestUpgrade:
    async def test_everything_is_there_afterwards(self, vault_path: Path, master: MasterKey) -> None:
        """Values, sealed outputs, idempotency keys; a private copy of the older vault; an audit log from here on."""
        keys = await format_1(vault_path, master)
        name = key_id("sealing", keys.sealing)
        sealed = name + seal(_run_key(keys.sealing, "01RUN"), b"data", _bound("01RUN"))

        for _ in range(2):
            async with open_vault(vault_path, master, clock=SystemClock()) as vault:
                sealer = RunSealer(lambda ring=vault.ring: ring)  # type: ignore[misc]  # a lambda with its loop's value
                assert await vault.resolve(frozenset({"A"})) == {"A": "second-value-of-a"}
                assert vault.content.every["A"] == ("first-value-of-a", "second-value-of-a")
                assert sealer.open("01RUN", sealed) == b"data"
                assert sealer.idempotency_key("x") == mac(keys.idempotency, [b"x"]).hex()[:32]
                assert (await vault.check_audit(key=vault.verification_key)).findings == ()
                assert [row.action for row in await vault.audit_log()] == ["upgrade"]

        assert modes(copies(vault_path)) == [0o600]
        async with open_vault(copies(vault_path)[0], master, clock=SystemClock()) as copy:
            assert await copy.resolve(frozenset({"A"})) == {"A": "second-value-of-a"}

    async def test_a_wrong_key_changes_nothing(self, vault_path: Path, master: MasterKey) -> None:
        """No copy either."""
        await format_1(vault_path, master)
        before = hashes(vault_path.parent)

        with pytest.raises(VaultKeyError):
            async with open_vault(vault_path, parse(new_master_key()), clock=SystemClock()):
                pass

        assert hashes(vault_path.parent) == before

    async def test_a_vault_that_was_changed_is_not_carried_over(self, vault_path: Path, master: MasterKey) -> None:
        """It is refused by name and stays of format 1, as it would have been before."""
        await format_1(vault_path, master)
        with behind_its_back(vault_path) as tables:
            tables.execute("update secrets set current = 1")

        with pytest.raises(VaultTamperedError, match="the secret A was changed"):
            async with open_vault(vault_path, master, clock=SystemClock()):
                pass

        with behind_its_back(vault_path) as tables:
            assert tables.execute("pragma user_version").fetchone() == (1,)
