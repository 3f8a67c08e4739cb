"""
Check the audit log: is every row the one that was written, and is none missing?

    rows ──digests──► the manifest's head          needs the vault's master key alone
         ──MACs from the verification key on──►    needs the key that was shown once: finds what a master key could hide
         ──a mark that was written down──►         finds a whole older log

`runner.secrets.vault` calls it; `runner.secrets.audit` says how a row is made. Pure functions.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from runner.secrets.audit import Mark, VerificationKey, digest_is_right, evolved, mac_is_right
from runner.secrets.rows import AuditHead, AuditRow


class Finding(NamedTuple):
    """What is wrong from which row on."""

    sequence: int
    message: str


class AuditReport(NamedTuple):
    """How many rows there are and how many MACs were checked, where the log ends, and what is wrong."""

    rows: int
    macs: int
    head: Mark
    findings: tuple[Finding, ...]


def check(
    vault: bytes, rows: Sequence[AuditRow], head: AuditHead, *, key: VerificationKey | None, mark: Mark | None
) -> AuditReport:
    """Everything that is wrong with the log of this vault, whose manifest says that it ends at `head`."""
    macs, wrong = _macs(rows, key) if key else (0, ())
    found: dict[int, Finding] = {}
    for finding in (*(_mark(rows, mark) if mark else ()), *_digests(vault, rows), *_end(rows, head), *wrong):
        found.setdefault(finding.sequence, finding)
    return AuditReport(len(rows), macs, Mark(head.sequence, head.mac), tuple(sorted(found.values())))


def _digests(vault: bytes, rows: Iterable[AuditRow]) -> Iterable[Finding]:
    number, before = 0, b""
    for row in rows:
        if row.sequence != number + 1:
            yield Finding(number + 1, f"{_rows(number + 1, row.sequence - 1)} missing")
        elif not digest_is_right(vault, before, row):
            yield Finding(row.sequence, f"row {row.sequence} was changed, or is not the one that followed")
        number, before = row.sequence, row.digest


def _end(rows: Sequence[AuditRow], head: AuditHead) -> Iterable[Finding]:
    last = rows[-1] if rows else AuditRow(0, 0.0, "", "", "", "", b"", b"")
    if last.sequence < head.sequence:
        yield Finding(last.sequence + 1, f"{_rows(last.sequence + 1, head.sequence)} missing: the end was cut off")
    elif last.sequence > head.sequence:
        yield Finding(head.sequence + 1, f"row {head.sequence + 1} and what follows was put in")
    elif (last.digest, last.mac) != (head.digest, head.mac):
        yield Finding(last.sequence, f"row {last.sequence} is not the last one that the vault wrote")


def _mark(rows: Iterable[AuditRow], mark: Mark) -> Iterable[Finding]:
    there = next((row for row in rows if row.sequence == mark.sequence), None)
    if there is None:
        yield Finding(mark.sequence, f"row {mark.sequence}, which was written down, is missing")
    elif there.mac != mark.mac:
        yield Finding(mark.sequence, f"row {mark.sequence} is not the one that was written down")


def _macs(rows: Sequence[AuditRow], key: VerificationKey) -> tuple[int, Sequence[Finding]]:
    found: list[Finding] = []
    material, number, count = key.material, key.first, 0
    before = next((row.mac for row in rows if row.sequence == key.first - 1), b"")
    for row in (row for row in rows if row.sequence >= key.first):
        while number < row.sequence:
            material, number = evolved(material), number + 1
        count += 1
        if not mac_is_right(material, before, row):
            found.append(Finding(row.sequence, f"row {row.sequence} was not written by the vault"))
        before = row.mac
    return count, found


def _rows(first: int, last: int) -> str:
    return f"row {first} is" if first == last else f"rows {first} to {last} are"
