"""
Checks of the vault's audit log: its end against the manifest and against what the store noted, `--deep` every row.

    Patient ──► audit · audit_rows ──► Finding …

Without the master key nothing of it can be checked. Nothing is written.
"""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import anyio.to_thread

from runner.daemon.doctor.finding import Finding, Patient
from runner.daemon.vault_keeper import CURE
from runner.errors import RunnerError
from runner.marks import VaultMark
from runner.secrets.audit import first_of
from runner.secrets.audit_check import check, check_standing
from runner.secrets.head import open_head
from runner.secrets.keys import parse
from runner.secrets.manifest import verify_mac
from runner.secrets.master_key import read_master_key
from runner.secrets.rows import AuditRow, Manifest
from runner.secrets.sqlite_file import read_head, read_log
from runner.store.examine import Examination, open_examination

_NEW_KEY: Final = "runner secrets audit --new-key shows one, for the rows from then on: keep it on another machine"


class _Log(NamedTuple):
    """The log of a vault that the master key opens, and what its manifest says."""

    vault: bytes
    said: Manifest
    rows: Sequence[AuditRow]


async def audit(patient: Patient) -> AsyncIterator[Finding]:
    """The end of the log, the vault against what was noted of it, and whether anybody can verify the log."""
    log = await _log(patient)
    if log is None:
        return
    noted = await anyio.to_thread.run_sync(_noted, patient.loaded.settings.sqlite.runs_path)
    end = log.said.audit
    tail = [row for row in log.rows if row.sequence >= end.sequence - 1 or (noted and row.sequence == noted.sequence)]
    now = VaultMark(log.vault, log.said.generation, end.sequence, end.mac)
    wrong = check_standing(now, tail, end, noted)
    for each in wrong:
        yield Finding("audit", "error", each, CURE)
    shown = [row for row in log.rows if row.action == "audit_key" and first_of(row) is not None]
    if not shown:
        yield Finding("audit", "warning", "the key that verifies the audit log was never shown to anybody", _NEW_KEY)
    if shown and not wrong:
        said = f"{len(log.rows)} rows, the last as the vault says; its verification key was shown at row"
        yield Finding("audit", "ok", f"{said} {shown[-1].sequence}")


async def audit_rows(patient: Patient) -> AsyncIterator[Finding]:
    """Every row of the log against the one before."""
    log = await _log(patient)
    if log is None:
        return
    report = await anyio.to_thread.run_sync(lambda: check(log.vault, log.rows, log.said.audit, key=None, mark=None))
    for finding in report.findings:
        yield Finding("audit_rows", "error", finding.message, "runner secrets audit --verify --key-file F tells more")
    if not report.findings:
        yield Finding("audit_rows", "ok", f"{report.rows} rows, each the one that followed")


async def _log(patient: Patient) -> _Log | None:
    """None where there is no vault, or no key that opens it: the check `key` says so."""
    dashboard, path = patient.loaded.settings.dashboard, patient.loaded.settings.sqlite.path
    try:
        text = await read_master_key(
            text=dashboard.master_key, file=dashboard.master_key_file, command=dashboard.master_key_command
        )
        head = await read_head(path)
        if text is None or head is None:
            return None
        keys = await open_head(path, head, parse(text.reveal()))
        found = await read_log(path)
        if found is None:
            return None
        verify_mac(keys.manifest, head.vault, found[0])
    except RunnerError:
        return None
    return _Log(head.vault, *found)


def _noted(path: Path) -> VaultMark | None:
    if not path.exists():
        return None
    try:
        with open_examination(path) as connection:
            return Examination(connection).vault_mark()
    except sqlite3.Error:
        return None
