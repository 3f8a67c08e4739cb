"""
`runner doctor`: what is right and what is wrong with an installation, each with the one thing to do about it.

    examine(loaded, …) ──► check ──► check ──► … ──► Finding: name, ok | warning | error, what, cure

    finding       what a check says, and what it is given
    installation  settings, key, files and their modes, disk, file system
    machine       clock, open files, ports, control socket
    auditing      the vault's audit log: its end, its verification key, every row (`--deep`)
    stores        integrity of both databases, every journal folded again, runs counted again (`--deep`), workflow files

A check is one async function over a `Patient`; it reads, changes nothing, and works with a daemon running and without.
The command line and the dashboard's Health page show what they find.
"""

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from runner.daemon.doctor import auditing, installation, machine, stores
from runner.daemon.doctor.finding import Check, Finding, Patient

CHECKS: Final[tuple[Check, ...]] = (
    installation.settings,
    installation.key,
    installation.key_place,
    installation.files,
    installation.folder,
    installation.disk,
    machine.clock,
    machine.open_files,
    machine.daemon,
    machine.ports,
    stores.vault,
    auditing.audit,
    stores.runs,
    stores.workflows,
)
DEEP: Final[tuple[Check, ...]] = (auditing.audit_rows, stores.journals, stores.counts)


async def examine(patient: Patient, *, deep: bool = False) -> AsyncIterator[Finding]:
    """One finding after the other, as the checks come to them; a check that breaks is a finding too."""
    for check in (*CHECKS, *(DEEP if deep else ())):
        try:
            async for finding in check(patient):
                yield finding
        except Exception as error:  # noqa: BLE001  one check's defect must not hide what the others find
            yield Finding(check.__name__, "error", f"this check broke: {type(error).__name__}", "report it")


async def found(patient: Patient) -> list[dict[str, Any]]:
    """The findings as documents: name, state, what, cure."""
    return [msgspec.to_builtins(each) async for each in examine(patient)]
