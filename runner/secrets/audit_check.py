"""
Check the audit log: is every row the one that was written, and is none missing?

    rows ──digests──► the manifest's head          needs the vault's master key alone
    last rows ──► the head, what was noted of it   the same at each start, in no time
         ──MACs from the verification key on──►    needs the key that was shown once: finds what a master key could hide
         ──a mark that was written down──►         finds a whole older log

`runner.secrets.vault` calls it, and `runner doctor`; `runner.secrets.audit` says how a row is made. Pure functions.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from runner.marks import VaultMark
from runner.secrets.audit import Mark, VerificationKey, begins_key, digest_is_right, evolved, mac_is_right
from runner.secrets.rows import AuditHead, AuditRow


class Finding(NamedTuple):
    """What is wrong from which row on."""

    sequence: int
    message: str


class AuditReport(NamedTuple):
    """
    How many rows there are and how many MACs were checked, where the log ends, and what is wrong. `until`: the last row
    of the key that was given, where another key begins after it.
    """

    rows: int
    macs: int
    head: Mark
    findings: tuple[Finding, ...]
    until: int | None = None


def check(
    vault: bytes, rows: Sequence[AuditRow], head: AuditHead, *, key: VerificationKey | None, mark: Mark | None
) -> AuditReport:
    """Everything that is wrong with the log of this vault, whose manifest says that it ends at `head`."""
    macs, wrong, until = _macs(rows, key) if key else (0, (), None)
    found: dict[int, Finding] = {}
    for finding in (*(_mark(rows, mark) if mark else ()), *_digests(vault, rows), *_end(rows, head), *wrong):
        found.setdefault(finding.sequence, finding)
    return AuditReport(len(rows), macs, Mark(head.sequence, head.mac), tuple(sorted(found.values())), until)


def check_standing(now: VaultMark, tail: Sequence[AuditRow], head: AuditHead, noted: VaultMark | None) -> list[str]:
    """
    What is wrong with a vault that stands at `now`, in words: its log's last two rows against `head`, and all of it
    against what was `noted` of it last. `tail` holds these rows and the one that was noted, as far as they are there.
    """
    found = []
    if noted is not None and noted.vault != now.vault:
        return ["this is another vault than the one that was used here before"]
    if noted is not None and now.generation < noted.generation:
        found.append(
            f"it is older than the one that was used last (generation {now.generation}, not {noted.generation})"
        )
    wrong = list(_end(tail, head))
    if len(tail) > 1 and tail[-2].sequence == tail[-1].sequence - 1 and not wrong:
        wrong += _changed(now.vault, tail[-2].digest, tail[-1])
    if noted is not None and noted.sequence:
        wrong += _mark(tail, Mark(noted.sequence, noted.mac))
    return [*found, *(f"audit log: {each.message}" for each in wrong)]


def _digests(vault: bytes, rows: Iterable[AuditRow]) -> Iterable[Finding]:
    number, before = 0, b""
    for row in rows:
        if row.sequence != number + 1:
            yield Finding(number + 1, f"{_rows(number + 1, row.sequence - 1)} missing")
        else:
            yield from _changed(vault, before, row)
        number, before = row.sequence, row.digest


def _changed(vault: bytes, before: bytes, row: AuditRow) -> Iterable[Finding]:
    if not digest_is_right(vault, before, row):
        yield Finding(row.sequence, f"row {row.sequence} was changed, or is not the one that followed")


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


def _macs(rows: Sequence[AuditRow], key: VerificationKey) -> tuple[int, Sequence[Finding], int | None]:
    found: list[Finding] = []
    material, number, count = key.material, key.first, 0
    before = next((row.mac for row in rows if row.sequence == key.first - 1), b"")
    for row in (row for row in rows if row.sequence >= key.first):
        while number < row.sequence:
            material, number = evolved(material), number + 1
        count += 1
        if not mac_is_right(material, before, row):
            found.append(Finding(row.sequence, f"row {row.sequence} was not written by the vault"))
        elif begins_key(row):
            return count, found, row.sequence
        before = row.mac
    return count, found, None


def _rows(first: int, last: int) -> str:
    return f"row {first} is" if first == last else f"rows {first} to {last} are"
