"""Whoever has the file and no key can destroy the vault, but not change what it says: each way is refused by name."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runner.clock import SystemClock
from runner.errors import VaultKeyError, VaultTamperedError
from runner.secrets.content import NOTHING, Opener
from runner.secrets.keys import MasterKey
from runner.secrets.manifest import make
from runner.secrets.rows import Snapshot
from runner.secrets.vault import Vault, open_vault
from tests.integration.secrets.disk import behind_its_back

WITHOUT_KEY = "^The vault was changed by something that had no key: "


@pytest.fixture
async def filled(vault_path: Path, master: MasterKey) -> Path:
    """A vault, closed: A with two versions, B with one, GONE deleted."""
    async with open_vault(vault_path, master, clock=SystemClock()) as vault:
        await vault.set("A", "first-value-of-a")
        await vault.set("A", "second-value-of-a")
        await vault.set("B", "first-value-of-b")
        await vault.set("GONE", "value-that-is-gone")
        await vault.delete("GONE")
    return vault_path


CHANGES = {
    "current moved back": ("update secrets set current = 1 where name = 'A'", "the secret A was changed"),
    "newest version deleted": (
        "delete from versions where version = 2; update secrets set current = 1 where name = 'A'",
        "the secret A was changed",
    ),
    "older version deleted": (
        "delete from versions where version = 1 and secret = (select id from secrets where name = 'A')",
        "the secret A was changed",
    ),
    "policy changed": (
        """update secrets set policy = '{"hosts": ["https://evil.example"]}' where name = 'A'""",
        "the secret A was changed",
    ),
    "names swapped": (
        (
            "update secrets set name = 'x' where name = 'A'; update secrets set name = 'A' where name = 'B';"
            "update secrets set name = 'B' where name = 'x'"
        ),
        "the secret [AB] was changed",
    ),
    "name changed": ("update secrets set name = 'C' where name = 'A'", "the secret A was changed"),
    "values swapped": (
        (
            "create temp table t as select * from versions; update versions set sealed ="
            "(select t.sealed from t where t.version = 3 - versions.version and t.secret = versions.secret)"
            "where secret = (select id from secrets where name = 'A')"
        ),
        "the secret A was changed",
    ),
    "values of two secrets swapped": (
        (
            "create temp table t as select * from versions where version = 1; update versions set (wrapped, sealed) ="
            "(select t.wrapped, t.sealed from t where t.secret != versions.secret) where version = 1"
        ),
        "the secret [AB] was changed",
    ),
    "dates changed": ("update secrets set updated_at = 0 where name = 'A'", "the secret A was changed"),
    "author changed": ("update versions set created_by = 'somebody'", "the secret [AB] was changed"),
    "secret removed": (
        "delete from versions where secret = (select id from secrets where name = 'B'); delete from secrets where name = 'B'",
        "the secret B was removed",
    ),
    "secret put in": (
        "insert into secrets values (x'00', 'NEW', 1, '{}', 0, 0)",
        "the secret NEW was put in or put back",
    ),
    "tombstone removed": ("delete from tombstones", "its versions or its list of deleted secrets were changed"),
    "tombstone changed": (
        "update tombstones set version = 9",
        "its versions or its list of deleted secrets were changed",
    ),
    "orphan put in": (
        "pragma foreign_keys=off; insert into versions values (x'00', 1, x'00', x'00', 0, '', '{}')",
        "its versions or its list of deleted secrets were changed",
    ),
    "generation moved": ("update manifest set generation = generation + 1", "its manifest was changed"),
    "manifest changed": ("update manifest set content = x'92909090'", "its manifest was changed"),
    "MAC changed": ("update manifest set mac = zeroblob(32)", "its manifest was changed"),
}


class TestAtTheStart:
    @pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES.keys())
    async def test_a_change_without_the_key_is_refused(
        self, change: Any, message: Any, filled: Any, master: MasterKey
    ) -> None:
        """The error names what was changed; the vault does not open."""
        with behind_its_back(filled) as tables:
            tables.executescript(change)

        with pytest.raises(VaultTamperedError, match=WITHOUT_KEY + message):
            async with open_vault(filled, master, clock=SystemClock()):
                pass

    async def test_an_old_row_that_is_put_back_is_refused(self, filled: Any, master: MasterKey) -> None:
        """It is genuine, and only the manifest knows that it is old."""
        with behind_its_back(filled) as tables:
            old = tables.execute("select * from secrets where name = 'B'").fetchone()
            version = tables.execute("select * from versions where secret = ?", (old[0],)).fetchone()
        async with open_vault(filled, master, clock=SystemClock()) as vault:
            await vault.set("B", "second-value-of-b")
        with behind_its_back(filled) as tables:
            tables.execute("delete from versions where secret = ?", (old[0],))
            tables.execute("update secrets set current = ?, updated_at = ? where id = ?", (old[2], old[5], old[0]))
            tables.execute("insert into versions values (?, ?, ?, ?, ?, ?, ?)", version)

        with pytest.raises(VaultTamperedError, match="the secret B was changed") as raised:
            async with open_vault(filled, master, clock=SystemClock()):
                pass

        assert raised.value.name == "B"

    async def test_a_deleted_secret_that_is_put_back_is_refused(self, vault_path: Path, master: MasterKey) -> None:
        """With all its rows as they were."""
        async with open_vault(vault_path, master, clock=SystemClock()) as vault:
            await vault.set("A", "first-value-of-a")
        with behind_its_back(vault_path) as tables:
            secret, version = (tables.execute(f"select * from {table}").fetchone() for table in ("secrets", "versions"))
        async with open_vault(vault_path, master, clock=SystemClock()) as vault:
            await vault.delete("A")
        with behind_its_back(vault_path) as tables:
            tables.execute("delete from tombstones")
            tables.execute("insert into secrets values (?, ?, ?, ?, ?, ?)", secret)
            tables.execute("insert into versions values (?, ?, ?, ?, ?, ?, ?)", version)

        with pytest.raises(VaultTamperedError, match="the secret A was put in or put back"):
            async with open_vault(vault_path, master, clock=SystemClock()):
                pass

    @pytest.mark.parametrize("column", ["wrapped", "sealed"])
    async def test_each_byte_of_a_sealed_row_counts(self, column: Any, vault: Vault) -> None:
        """Format, nonce, ciphertext, tag: flipped one by one under a manifest that was made for it, so that the cipher alone has to see it."""
        await vault.set("A", "first-value-of-a")
        opener = vault._opener
        _, snapshot = await vault._rows.snapshot()
        (row,) = snapshot.versions
        blob = getattr(row, column)

        assert not _is_refused(opener, snapshot)
        for position in range(len(blob)):
            changed = bytearray(blob)
            changed[position] ^= 1
            assert _is_refused(opener, snapshot, **{column: bytes(changed)})
        for cut in (blob[:-1], blob + b"\0", b"", blob[:5]):
            assert _is_refused(opener, snapshot, **{column: cut})

    async def test_opening_decrypts_nothing(self, vault: Vault) -> None:
        """A value that would not open is listed all the same, and refused where it is asked for."""
        await vault.set("A", "first-value-of-a")
        _, snapshot = await vault._rows.snapshot()
        row = msgspec.structs.replace(snapshot.versions[0], sealed=b"")
        forged = _with_manifest(vault._opener, msgspec.structs.replace(snapshot, versions=(row,)))

        content = vault._opener.open(forged, NOTHING)

        assert list(content.infos) == ["A"]
        with pytest.raises(VaultTamperedError, match="the secret A, version 1"):
            assert content.current["A"]

    @pytest.mark.parametrize(
        "change",
        [{"version": 2}, {"secret": b"\0" * 16}],
    )
    async def test_what_a_row_belongs_to_is_bound_to_its_bytes(self, change: Any, vault: Vault) -> None:
        """Under another version number, secret, name or policy the same bytes do not open, whatever the manifest says."""
        await vault.set("A", "first-value-of-a")
        _, snapshot = await vault._rows.snapshot()

        assert _is_refused(vault._opener, snapshot, **change)

    @pytest.mark.parametrize("change", [{"name": "B"}, {"policy": '{"allowed_workflows":["x"]}'}])
    async def test_name_and_policy_are_bound_too(self, change: Any, vault: Vault) -> None:
        """A secret cannot be given another name, and its policy cannot be widened."""
        await vault.set("A", "first-value-of-a")
        _, snapshot = await vault._rows.snapshot()
        (secret,) = snapshot.secrets
        fields = {name: getattr(secret, name) for name in secret.__struct_fields__} | change
        forged = msgspec.structs.replace(snapshot, secrets=(type(secret)(**fields),))

        with pytest.raises(VaultTamperedError):
            _open(vault._opener, forged)

    async def test_bytes_of_another_vault_do_not_open(self, vault: Vault, tmp_path: Path, master: MasterKey) -> None:
        """Its id is bound, though the master key be the same."""
        await vault.set("A", "first-value-of-a")
        async with open_vault(tmp_path / "other.db", master, clock=SystemClock()) as other:
            await other.set("A", "first-value-of-a")
            _, theirs = await other._rows.snapshot()
        _, ours = await vault._rows.snapshot()

        theirs = msgspec.structs.replace(theirs, head=ours.head)
        for opener, rows in ((vault._opener, theirs), (vault._opener._replace(vault=b"other"), ours)):
            with pytest.raises(VaultTamperedError, match="the secret A, version 1"):
                opener.unseal(rows.secrets[0], rows.versions[0])

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ("update vault set check_value = zeroblob(80)", VaultKeyError),
            ("update vault set salt = zeroblob(16)", VaultKeyError),
            ("update vault set id = zeroblob(16)", VaultKeyError),
            ("update vault set derivation = 'nonsense'", VaultTamperedError),
            ("""update vault set derivation = '{"kind": "random", "memory": 1}'""", VaultTamperedError),
            ("""update vault set derivation = '{"kind": "random", "memory": 999999999}'""", VaultTamperedError),
            ("""update vault set derivation = '{"kind": "random", "iterations": 1000000}'""", VaultTamperedError),
        ],
    )
    async def test_the_head_cannot_be_changed(self, change: Any, error: Any, filled: Any, master: MasterKey) -> None:
        """Neither what keys are made of, nor at which cost: no parameter takes the machine's memory."""
        with behind_its_back(filled) as tables:
            tables.execute(change)

        with pytest.raises(error):
            async with open_vault(filled, master, clock=SystemClock()):
                pass


class TestWhileItIsOpen:
    async def test_the_next_resolve_after_a_change_is_refused(self, vault: Vault, vault_path: Path) -> None:
        """The generation moves, the rows are verified, nothing is handed out."""
        await vault.set("A", "first-value-of-a")
        with behind_its_back(vault_path) as tables:
            tables.execute("update secrets set policy = 'x'")
            tables.execute("update manifest set generation = generation + 1")

        with pytest.raises(VaultTamperedError):
            await vault.resolve(frozenset({"A"}))

    async def test_a_change_is_never_blessed_by_the_next_set(
        self, vault: Vault, vault_path: Path, master: MasterKey
    ) -> None:
        """Who writes verifies what it touches, in the same transaction, and carries on what the manifest says of the rest."""
        await vault.set("A", "first-value-of-a")
        await vault.set("A", "second-value-of-a")
        with behind_its_back(vault_path) as tables:
            tables.execute("update secrets set current = 1")

        changes: list[Callable[[], Awaitable[object]]] = [
            lambda: vault.set("A", "third-value-of-a"),
            lambda: vault.rollback("A", 1),
            lambda: vault.delete("A"),
        ]
        for change in changes:
            with pytest.raises(VaultTamperedError, match="the secret A was changed"):
                await change()
        await vault.set("B", "first-value-of-b")

        assert await vault.resolve(frozenset({"A"})) == {"A": "second-value-of-a"}
        with pytest.raises(VaultTamperedError, match="the secret A was changed"):
            async with open_vault(vault_path, master, clock=SystemClock()):
                pass

    async def test_a_name_that_was_taken_away_is_not_free(self, vault: Vault, vault_path: Path) -> None:
        """A secret that was removed or renamed without the key is missed by the set that would make it anew."""
        await vault.set("A", "first-value-of-a")
        with behind_its_back(vault_path) as tables:
            tables.execute("update secrets set name = 'C'")

        for name, message in (("A", "the secret A was removed"), ("C", "the secret C was put in or put back")):
            with pytest.raises(VaultTamperedError, match=message):
                await vault.set(name, "second-value-of-a")

    async def test_an_older_copy_in_its_place_is_refused(self, vault: Vault, vault_path: Path) -> None:
        """A restored backup is seen by its inode, and that it is older by its generation."""
        await vault.set("A", "first-value-of-a")
        backup = vault_path.with_name("backup.db")
        with behind_its_back(vault_path) as tables:
            tables.execute("vacuum into ?", (str(backup),))
        await vault.set("A", "second-value-of-a")
        for leftover in ("-wal", "-shm"):
            vault_path.with_name(vault_path.name + leftover).unlink()
        backup.replace(vault_path)

        with pytest.raises(VaultTamperedError, match="An older copy of the vault was put in its place"):
            await vault.resolve(frozenset({"A"}))

    async def test_a_newer_copy_in_its_place_is_read(self, vault: Vault, vault_path: Path, master: MasterKey) -> None:
        """The file was replaced by one that went on from here."""
        await vault.set("A", "first-value-of-a")
        copy = vault_path.with_name("copy.db")
        with behind_its_back(vault_path) as tables:
            tables.execute("vacuum into ?", (str(copy),))
        async with open_vault(copy, master, clock=SystemClock()) as other:
            await other.set("A", "second-value-of-a")
        for leftover in ("-wal", "-shm"):
            vault_path.with_name(vault_path.name + leftover).unlink()
        copy.replace(vault_path)

        assert await vault.resolve(frozenset({"A"})) == {"A": "second-value-of-a"}
        assert await vault.set("A", "third-value-of-a") == 3


def _with_manifest(opener: Opener, snapshot: Snapshot) -> Snapshot:
    """The rows under a manifest that was made for them: what only a key's holder could do."""
    manifest = make(opener.keys.manifest, 5, snapshot, snapshot.manifest.audit)
    return msgspec.structs.replace(snapshot, manifest=manifest)


def _open(opener: Opener, snapshot: Snapshot) -> None:
    """Verify the rows under a manifest that fits, and open every value, as masking does at the start."""
    dict(opener.open(_with_manifest(opener, snapshot), NOTHING).every)


def _is_refused(opener: Opener, snapshot: Snapshot, **changes: object) -> bool:
    (row,) = snapshot.versions
    (secret,) = snapshot.secrets
    fields = {name: getattr(row, name) for name in row.__struct_fields__} | changes
    forged = type(row)(**fields)
    secret_fields = {name: getattr(secret, name) for name in secret.__struct_fields__}
    secret_fields |= {"id": forged.secret, "current": forged.version}
    rows = msgspec.structs.replace(snapshot, secrets=(type(secret)(**secret_fields),), versions=(forged,))
    try:
        _open(opener, rows)
    except VaultTamperedError as error:
        return error.name == "A"
    return False
