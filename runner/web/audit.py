"""
A page of the audit log, newest first, for the API and for people.

    Wanted ──page_of(vault)──► rows, and the number before which the next page goes on; None where there is no more

Whoever has no vault has no audit log.
"""

from typing import NamedTuple

from runner.errors import VaultKeyError
from runner.secrets.rows import AuditRow
from runner.secrets.vault import Vault


class Wanted(NamedTuple):
    """Which rows; an empty text stands for all. Wall seconds, `until` not included; `before` is a row's number."""

    action: str = ""
    subject: str = ""
    actor: str = ""
    since: float | None = None
    until: float | None = None
    before: int | None = None

    def takes(self, row: AuditRow) -> bool:
        """Whether the row is one of them."""
        named = ((self.action, row.action), (self.subject, row.subject), (self.actor, row.actor))
        return (
            all(not text or text == found for text, found in named)
            and (self.since is None or row.at >= self.since)
            and (self.until is None or row.at < self.until)
            and (self.before is None or row.sequence < self.before)
        )


async def page_of(vault: Vault, wanted: Wanted, limit: int) -> tuple[list[AuditRow], int | None]:
    """At most `limit` rows. Raises SecretError."""
    found: list[AuditRow] = []
    for row in reversed(await vault.audit_log()):
        if wanted.takes(row):
            if len(found) == limit:
                return found, found[-1].sequence
            found.append(row)
    return found, None


def audited(vault: Vault | None) -> Vault:
    """The vault. Raises VaultKeyError where there is none."""
    if vault is None:
        raise VaultKeyError("there is no audit log without a vault: set [dashboard] master_key and start again")
    return vault
