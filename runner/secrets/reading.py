"""
What a vault tells: values for those who may have them, and what may be shown of secrets.

    resolve, list, info ──stamp the same?──► what is open        other stamp ──► read, verified and opened anew

`runner.secrets.vault` adds what changes it. No value is believed before its row was verified against the manifest.
"""

from collections.abc import Mapping
from functools import partial

import anyio
import anyio.to_thread

from runner.clock import Clock
from runner.errors import SecretMissingError, VaultTamperedError
from runner.marks import VaultMark
from runner.secrets.audit import Mark, VerificationKey
from runner.secrets.audit_check import AuditReport, check, check_standing
from runner.secrets.content import NOTHING, Content, Opener, SecretInfo, VersionInfo
from runner.secrets.manifest import verify_mac
from runner.secrets.policy import Policy, check_use
from runner.secrets.ring import Ring
from runner.secrets.rows import AuditFilter, AuditRow, Manifest, Stamp, VaultRows, everything


class Reading:
    """
    The reading half of a vault. `resolve_count` grows by one for each value that `resolve` hands out.

    `verification_key` is the audit log's, to be shown once, where this opening made the log; it lies nowhere else.
    `opened_by_previous`: by the previous master key, since the rotation to the present one has not been done.
    """

    def __init__(
        self,
        rows: VaultRows,
        opener: Opener,
        *,
        clock: Clock,
        erase_within: float,
        keep_versions: int,
        verification_key: VerificationKey | None = None,
        opened_by_previous: bool = False,
    ) -> None:
        self.resolve_count = 0
        self.verification_key = verification_key
        self.opened_by_previous = opened_by_previous
        self._rows = rows
        self._opener = opener
        self._clock = clock
        self._erase_within = erase_within
        self._keep_versions = keep_versions
        self._erased = -1
        self._lock = anyio.Lock()
        self._changing = anyio.Lock()
        self._stamp = Stamp(0, 0, -1)
        self._content = NOTHING
        self._mark = Mark(0, b"")

    @property
    def ring(self) -> Ring:
        """The installation's own keys, which no rotation changes."""
        return self._content.ring

    @property
    def audit_head(self) -> Mark:
        """Where the audit log ends, as far as this process has seen."""
        return self._mark

    async def audit_log(self) -> tuple[AuditRow, ...]:
        """All rows of the audit log, oldest first, as they lie there: `check_audit` says whether to believe them."""
        return (await self._rows.audit_rows())[1]

    async def audit_page(self, wanted: AuditFilter, most: int) -> tuple[AuditRow, ...]:
        """Up to `most` rows of the audit log, newest first, as they lie there. Raises SecretError."""
        return await self._rows.audit_page(wanted, most)

    async def check_audit(self, *, key: VerificationKey | None = None, mark: Mark | None = None) -> AuditReport:
        """
        Check the audit log against the manifest, with `key` every MAC from that key's row on, and the row of `mark`.

        Raises VaultTamperedError where the manifest itself was changed, SecretError.
        """
        said, rows = await self._rows.audit_rows()
        verify_mac(self._opener.keys.manifest, self._opener.vault, said)
        return await anyio.to_thread.run_sync(lambda: check(self._opener.vault, rows, said.audit, key=key, mark=mark))

    @property
    def mark(self) -> VaultMark:
        """How far this process has seen the vault: never further than it is on disk."""
        return VaultMark(self._opener.vault, self.generation, self._mark.sequence, self._mark.mac)

    async def check_standing(self, noted: VaultMark | None) -> list[str]:
        """
        What is wrong with the vault and the end of its audit log, held against what was `noted` last; a sentence each.

        Raises VaultTamperedError where the manifest itself was changed, SecretError.
        """
        await self.refresh()
        said, tail = await self._rows.audit_tail(noted.sequence if noted else 0)
        verify_mac(self._opener.keys.manifest, self._opener.vault, said)
        now = VaultMark(self._opener.vault, said.generation, said.audit.sequence, said.audit.mac)
        return check_standing(now, tail, said.audit, noted)

    @property
    def content(self) -> Content:
        """What the vault held when it was looked at last; for the redactor, which needs every value."""
        return self._content

    @property
    def generation(self) -> int:
        """How often the vault was changed, as far as this process has seen."""
        return self._stamp.generation

    async def resolve(self, names: frozenset[str], workflow: str = "") -> Mapping[str, str]:
        """
        The values of all of `names` as they are at this moment, whichever process set them, for a run of `workflow`.

        Raises SecretMissingError, which names all that are not there, SecretRefusedError, VaultTamperedError,
        SecretError.
        """
        if self._rows.stamp() != self._stamp:
            await self.refresh()
        cells = self._content.cells
        try:
            found = {name: cells[name].current.value() for name in names}
        except KeyError:
            missing = sorted(name for name in names if name not in cells)
            raise SecretMissingError(
                f"There is no secret {', '.join(missing)}: set it with `runner secrets set {missing[0]}`.",
                name=missing[0],
            ) from None
        at = self._clock.wall()
        for name in names:
            check_use(name, self._content.infos[name].policy, workflow, at)
        self.resolve_count += len(found)
        return found

    async def list(self) -> list[SecretInfo]:
        """All secrets by name, without their values."""
        await self.refresh()
        return [self._content.infos[name] for name in sorted(self._content.infos)]

    async def info(self, name: str) -> SecretInfo:
        """One secret, without its value. Raises SecretMissingError."""
        await self.refresh()
        if name not in self._content.infos:
            raise SecretMissingError(f"There is no secret {name}.", name=name)
        return self._content.infos[name]

    async def history(self, name: str) -> tuple[VersionInfo, ...]:
        """The kept versions of one secret, oldest first, without their values. Raises SecretMissingError."""
        return (await self.info(name)).history

    async def policy(self, name: str) -> Policy:
        """For what and how long one secret may be used. Raises SecretMissingError."""
        return (await self.info(name)).policy

    async def refresh(self) -> None:
        """See what other processes changed. Raises VaultTamperedError, SecretError."""
        if self._rows.stamp() == self._stamp:
            return
        async with self._lock:
            if self._rows.stamp() == self._stamp:
                return
            opener, known, is_same_file = self._opener, self._content, self._rows.stamp()[:2] == self._stamp[:2]
            pick = partial(opener.changed, known=known) if is_same_file else everything
            stamp, snapshot = await self._rows.snapshot(pick)
            if stamp.generation < self.generation:
                raise VaultTamperedError(
                    f"An older copy of the vault was put in its place (generation {stamp.generation}, seen was "
                    f"{self.generation}): restore it with `runner restore` while no daemon runs."
                )
            self._content = await anyio.to_thread.run_sync(opener.open, snapshot, known)
            self._stamp, self._mark = stamp, mark_of(snapshot.manifest)


def mark_of(said: Manifest) -> Mark:
    """Where a manifest says that the audit log ends."""
    return Mark(said.audit.sequence, said.audit.mac)
