"""
What the daemon does for its vault beside resolving: warn of what lies open, and take another master key.

    start ──tell_at_start, log_audit_head──► the log            control socket ──rotate──► the vault, without a restart

`runner.daemon.service` calls them.
"""

import sys
from collections.abc import Mapping
from typing import Final

from runner import log
from runner.clock import Clock
from runner.daemon.doctor.finding import Patient
from runner.daemon.doctor.installation import files, key_place
from runner.daemon.root import Confidential
from runner.errors import VaultKeyError
from runner.secrets.keys import parse
from runner.secrets.vault import Vault
from runner.settings import Loaded

_log = log.get("runner.vault")
_HOUR: Final = 3600.0


async def tell_at_start(loaded: Loaded, environ: Mapping[str, str], clock: Clock, vault: Vault | None) -> None:
    """What the person who starts the daemon should know of settings, keys and files: the log has a line for each."""
    await _show_verification_key(vault)
    for warning in (*loaded.warnings, *await _warnings(loaded, environ, clock, vault)):
        _log.warning(warning)


async def _warnings(loaded: Loaded, environ: Mapping[str, str], clock: Clock, vault: Vault | None) -> list[str]:
    patient, dashboard = Patient(loaded, environ, clock, is_running=False), loaded.settings.dashboard
    found = []
    for check in (files, key_place):
        found += [f"{each.what}: {each.cure}" async for each in check(patient) if each.state != "ok"]
    if vault is not None and vault.opened_by_previous:
        found.append(
            "the vault is still under dashboard.master_key_previous: end it by `runner secrets rotate-master-key`"
        )
    elif dashboard.master_key_previous or dashboard.master_key_previous_file:
        found.append("dashboard.master_key_previous is needed no longer: the vault is under dashboard.master_key")
    return found


async def _show_verification_key(vault: Vault | None) -> None:
    """On a terminal alone, where the vault was just made: it goes into no log and lies in no file."""
    if vault is not None and vault.verification_key is not None and sys.stderr.isatty():
        sys.stderr.write(f"The key that verifies the audit log, shown this once: {vault.verification_key.text()}\n")
        await vault.shown_audit_key(vault.verification_key)


async def log_audit_head(vault: Vault | None, clock: Clock) -> None:
    """Once an hour where the audit log ends: kept elsewhere, it shows a tail that was cut and a file that is older."""
    while vault is not None:
        _log.info("audit head", head=str(vault.audit_head), generation=vault.generation)
        await clock.sleep(_HOUR)


async def rotate(confidential: Confidential, key: str, by: str) -> bool:
    """Another master key for the running daemon's vault; whether the old bytes are erased. Raises SecretError."""
    if confidential.vault is None:
        raise VaultKeyError("The daemon has no vault, since no master key was set when it started.")
    master = parse(key)
    confidential.redactor.know("own, rotated", {"dashboard.master_key": [key]})
    return await confidential.vault.rotate(master, by=by)
