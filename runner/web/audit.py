"""
A page of the audit log, newest first, for the API and for people.

    AuditFilter ──page_of(vault)──► rows, and the number before which the next page goes on; None where there is no more

The vault's rows are picked where they lie. Whoever has no vault has no audit log.
"""

from runner.errors import VaultKeyError
from runner.secrets.rows import AuditFilter, AuditRow
from runner.secrets.vault import Vault


async def page_of(vault: Vault, wanted: AuditFilter, limit: int) -> tuple[tuple[AuditRow, ...], int | None]:
    """At most `limit` rows. Raises SecretError."""
    found = await vault.audit_page(wanted, limit + 1)
    shown = found[:limit]
    return shown, shown[-1].sequence if len(found) > limit else None


def audited(vault: Vault | None) -> Vault:
    """The vault. Raises VaultKeyError where there is none."""
    if vault is None:
        raise VaultKeyError("there is no audit log without a vault: set [dashboard] master_key and start again")
    return vault
