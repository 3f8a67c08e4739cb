"""The audit log: what was done stands in it, and whoever changes an earlier row is seen."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from runner.clock import SystemClock
from runner.errors import SecretError, UsageError, VaultTamperedError
from runner.secrets import audit
from runner.secrets.audit import AuditEntry, Mark, VerificationKey, read_mark, read_verification_key
from runner.secrets.keys import MasterKey, new_master_key, parse
from runner.secrets.manifest import logged
from runner.secrets.rows import AuditFilter
from runner.secrets.vault import Vault, open_vault
from tests.integration.secrets.disk import behind_its_back, every_byte

CHANGES = {
    "a row changed": ("update audit set actor = 'nobody' where sequence = 3", [3]),
    "a time changed": ("update audit set at = at + 1 where sequence = 3", [3]),
    "details changed": ("update audit set details = '{}' where sequence = 3", [3]),
    "a row removed in the middle": ("delete from audit where sequence = 3", [3]),
    "two rows removed": ("delete from audit where sequence in (3, 4)", [3]),
    "the first row removed": ("delete from audit where sequence = 1", [1]),
    "the tail cut": ("delete from audit where sequence >= 5", [5]),
    "all removed": ("delete from audit", [1]),
    "two rows exchanged": (
        (
            "update audit set sequence = 99 where sequence = 3; update audit set sequence = 3 where sequence = 4;"
            "update audit set sequence = 4 where sequence = 99"
        ),
        [3, 4, 5],
    ),
    "a row put in at the end": (
        "insert into audit select 7, at, actor, action, subject, details, digest, mac from audit where sequence = 6",
        [7],
    ),
    "a row put in in the middle": (
        (
            "update audit set sequence = -sequence - 1 where sequence >= 3; update audit set sequence = -sequence where sequence < 0;"
            "insert into audit select 3, at, actor, action, subject, details, digest, mac from audit where sequence = 2"
        ),
        [3, 4, 5, 6, 7],
    ),
    "the last row changed": ("update audit set subject = 'X' where sequence = 6", [6]),
}


async def filled(vault: Vault) -> VerificationKey:
    """Six rows: the vault was made, A set twice, B set, A deleted, a login."""
    await vault.set("A", "first-value-of-a", by="ann")
    await vault.set("A", "second-value-of-a", by="bob")
    await vault.set("B", "first-value-of-b", by="ann")
    await vault.delete("A", by="ann")
    await vault.audit(AuditEntry("login", "", "eve", {"address": "127.0.0.1"}))
    assert vault.verification_key is not None
    return vault.verification_key


class TestEntries:
    async def test_what_was_done_stands_there_without_a_value(self, vault: Vault) -> None:
        """Who, what, to which secret, which version; in the order it was done."""
        await filled(vault)

        rows = await vault.audit_log()

        assert [(row.sequence, row.actor, row.action, row.subject, row.details) for row in rows] == [
            (1, "", "make", "", "{}"),
            (2, "ann", "set", "A", '{"version":1}'),
            (3, "bob", "replace", "A", '{"version":2}'),
            (4, "ann", "set", "B", '{"version":1}'),
            (5, "ann", "delete", "A", '{"version":2}'),
            (6, "eve", "login", "", '{"address":"127.0.0.1"}'),
        ]
        assert vault.audit_head == Mark(6, rows[-1].mac)

    @pytest.mark.parametrize(
        ("wanted", "most", "found"),
        [
            (AuditFilter(), 10, [6, 5, 4, 3, 2, 1]),
            (AuditFilter(), 2, [6, 5]),
            (AuditFilter(before=5), 2, [4, 3]),
            (AuditFilter(before=1), 2, []),
            (AuditFilter(action="set"), 10, [4, 2]),
            (AuditFilter(action="set", before=4), 10, [2]),
            (AuditFilter(subject="A"), 10, [5, 3, 2]),
            (AuditFilter(actor="ann", subject="A"), 10, [5, 2]),
            (AuditFilter(subject="A' or 1 = 1 --"), 10, []),
            (AuditFilter(since=1020.0), 10, [6, 5]),
            (AuditFilter(until=1020.0), 10, [4, 3, 2, 1]),
            (AuditFilter(since=1000.0, until=1020.0, actor="ann"), 1, [4]),
        ],
    )
    async def test_a_page_holds_the_newest_that_are_wanted(
        self, vault: Vault, vault_path: Path, wanted: AuditFilter, most: int, found: list[int]
    ) -> None:
        """By action, subject, actor and time, of those before a row; four rows were written at 1000, two at 1020."""
        await filled(vault)
        with behind_its_back(vault_path) as tables:
            tables.execute("update audit set at = case when sequence < 5 then 1000.0 else 1020.0 end")

        assert [row.sequence for row in await vault.audit_page(wanted, most)] == found

    async def test_an_entry_alone_leaves_the_generation(self, vault: Vault) -> None:
        """So that nobody's cache is void because somebody logged in."""
        before = vault.generation

        await vault.audit(AuditEntry("login", "", "eve"))

        assert vault.generation == before

    async def test_hostile_texts_are_stored_on_one_line(self, vault: Vault) -> None:
        """Lone surrogates, line ends, control characters, far too much of it."""
        await vault.audit(AuditEntry("login_failed", "a\nb\x1b[31m", "\ud800x", {"why": "y" * 9000, "\ud800": ["\n"]}))

        row = (await vault.audit_log())[-1]

        assert (row.subject, row.actor) == ("a b [31m", "?x")
        assert len(row.details) < 600
        assert (await vault.check_audit(key=vault.verification_key)).findings == ()

    async def test_a_change_that_cannot_be_audited_is_refused(self, vault: Vault, vault_path: Path) -> None:
        """Nothing of it is there: neither the secret nor a row."""
        await vault.set("A", "first-value-of-a")
        with behind_its_back(vault_path) as tables:
            tables.execute("create trigger no_audit before insert on audit begin select raise(abort, 'full'); end")

        for change in (vault.set("B", "first-value-of-b"), vault.delete("A"), vault.rotate(parse(new_master_key()))):
            with pytest.raises(SecretError):
                await change

        assert [info.name for info in await vault.list()] == ["A"]
        assert (await vault.check_audit()).findings == ()


class TestVerify:
    async def test_a_log_that_nobody_touched_is_whole(self, vault: Vault) -> None:
        """With the verification key every MAC is checked, without it none."""
        key = await filled(vault)

        assert (await vault.check_audit()).findings == ()
        report = await vault.check_audit(key=read_verification_key(key.text()), mark=read_mark(str(vault.audit_head)))
        assert (report.rows, report.macs, report.findings) == (6, 6, ())

    @pytest.mark.parametrize("change", CHANGES)
    async def test_each_way_to_change_it_is_seen_by_number(self, change: str, vault: Vault, vault_path: Path) -> None:
        """By whoever has the master key alone."""
        await filled(vault)
        statements, numbers = CHANGES[change]
        with behind_its_back(vault_path) as tables:
            tables.executescript(statements)

        assert [finding.sequence for finding in (await vault.check_audit()).findings] == numbers

    async def test_a_row_forged_with_the_master_key_is_seen_by_the_verification_key(
        self, vault: Vault, vault_path: Path
    ) -> None:
        """Digests and the manifest can be made to fit again; the MACs of earlier rows cannot."""
        key = await filled(vault)
        await _forge(vault, vault_path, 3)

        assert (await vault.check_audit()).findings == ()
        report = await vault.check_audit(key=key)
        assert report.findings[0].sequence == 3

    async def test_a_whole_older_log_is_seen_by_a_head_that_was_noted(
        self, vault: Vault, vault_path: Path, master: MasterKey, tmp_path: Path
    ) -> None:
        """The older file is genuine in itself."""
        await vault.set("A", "first-value-of-a")
        older = tmp_path / "older.db"
        with behind_its_back(vault_path) as tables:
            tables.execute("vacuum into ?", (str(older),))
        await vault.set("A", "second-value-of-a")
        noted = vault.audit_head

        async with open_vault(older, master, clock=SystemClock()) as other:
            assert (await other.check_audit()).findings == ()
            assert [each.sequence for each in (await other.check_audit(mark=noted)).findings] == [3]
            await other.set("A", "another-value-of-a")
            assert [each.message for each in (await other.check_audit(mark=noted)).findings] == [
                "row 3 is not the one that was written down"
            ]

    async def test_the_next_rows_key_cannot_be_exchanged(self, vault: Vault, vault_path: Path) -> None:
        """Neither for an earlier one nor moved in the manifest: both lie under its MAC."""
        with behind_its_back(vault_path) as tables:
            earlier = tables.execute("select audit_key from manifest").fetchone()[0]
            await vault.set("A", "first-value-of-a")
            tables.execute("update manifest set audit_key = ?", (earlier,))

        with pytest.raises(VaultTamperedError):
            await vault.set("A", "second-value-of-a")
        with pytest.raises(VaultTamperedError):
            await vault.check_audit()

    async def test_the_key_of_an_earlier_row_is_nowhere(self, vault: Vault, vault_path: Path) -> None:
        """Not sealed either: no byte of an earlier sealed key is in the database or the WAL."""
        sealed = []
        for number in range(3):
            with behind_its_back(vault_path) as tables:
                sealed.append(tables.execute("select audit_key from manifest").fetchone()[0])
            await vault.audit(AuditEntry("login", "", f"u{number}"))

        disk = every_byte(vault_path.parent)
        assert not [blob for blob in sealed if blob[1:30] in disk or blob[-20:] in disk]

    @pytest.mark.parametrize("text", ["", "nonsense", "5:", "0:" + "00" * 32, "5:" + "00" * 31])
    def test_a_head_that_is_none_is_wrong_use(self, text: str) -> None:
        """It is written SEQ:MAC."""
        with pytest.raises(UsageError, match="SEQ:MAC"):
            read_mark(text)

    def test_a_verification_key_with_a_wrong_character_is_told(self) -> None:
        """By its checksum, whatever the character."""
        text = VerificationKey(1, b"k" * 32).text()
        assert read_verification_key(text + "\n") == VerificationKey(1, b"k" * 32)
        for wrong in (text[:-1], text[:-1] + ("q" if text[-1] != "q" else "p"), "runner-key-1-" + text):
            with pytest.raises(UsageError, match="cut off or a character is wrong"):
                read_verification_key(wrong)


async def _forge(vault: Vault, path: Path, number: int) -> None:
    """Change a row as somebody would who has the file and the master key: digests, head and manifest fit again."""
    opener: Any = vault._opener
    said, rows = await vault._rows.audit_rows()
    before, forged = b"", []
    for each in rows:
        row = msgspec.structs.replace(each, actor="nobody") if each.sequence == number else each
        row = msgspec.structs.replace(row, digest=audit._digest(opener.vault, before, row))
        before = row.digest
        forged.append(row)
    end = msgspec.structs.replace(said.audit, digest=before)
    made = logged(opener.keys.manifest, opener.vault, said, end)
    with behind_its_back(path) as tables:
        for row in forged:
            tables.execute(
                "update audit set actor = ?, digest = ? where sequence = ?", (row.actor, row.digest, row.sequence)
            )
        tables.execute("update manifest set audit_digest = ?, mac = ?", (end.digest, made.mac))
