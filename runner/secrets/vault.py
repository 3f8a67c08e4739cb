"""
The vault: secrets by name, encrypted in a file of their own.

    open_vault(path, master key)
        │   head, read-only ─► keys ─► check value: a wrong key ends here, and nothing was written
        ▼
    Vault ── set, delete ───► decide over verified rows ─► one transaction with a new manifest
          ── resolve, list ─► what is open, while the file's stamp stays the same; else read, verified and opened anew

The daemon, the command line and the resolver use it. No value is believed before its row was verified against the
manifest. Values are Unicode text of 1 byte to 64 KiB in UTF-8; bytes that are no text are for base64.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from runner.clock import Clock
from runner.errors import SecretMissingError, VaultTamperedError
from runner.secrets.audit import AuditEntry, Mark, VerificationKey
from runner.secrets.content import NOTHING, Content, Opener, SecretInfo
from runner.secrets.head import new_head, open_head
from runner.secrets.keys import MasterKey
from runner.secrets.names import check_name, check_value
from runner.secrets.policy import Policy, check_use
from runner.secrets.ring import Ring
from runner.secrets.rows import AuditRow, Change, Snapshot, Stamp, VaultRows
from runner.secrets.sqlite_file import read_head
from runner.secrets.sqlite_rows import open_rows

_RETRY: Final = 0.05
"""Seconds between two tries to erase while another process reads the file."""


@asynccontextmanager
async def open_vault(
    path: Path, master: MasterKey, *, clock: Clock, erase_within: float = 5.0
) -> AsyncIterator["Vault"]:
    """
    Open the vault at `path`, or make one. `erase_within`: seconds that a delete waits for other readers of the file.

    Raises VaultKeyError (a wrong key; nothing was written), VaultTamperedError, StoreFormatError, SecretError.
    """
    head, keys, shown = await read_head(path), None, None
    if head is None:
        made, keys = await new_head(master, clock.wall())
        change, shown = Opener(keys, made.vault).first(made)
        async with open_rows(path, (made, change)):
            head = await read_head(path)
        assert head is not None
        keys, shown = (keys, shown) if head == made else (None, None)
    opener = Opener(keys or await open_head(path, head, master), head.vault)
    async with open_rows(path) as rows:
        upgraded: list[VerificationKey] = []

        def upgrade(snapshot: Snapshot) -> Change:
            change, key = opener.upgraded(snapshot, at=clock.wall())
            upgraded[:] = [key]
            return change

        if await rows.upgrade(upgrade):
            (shown,) = upgraded
        vault = Vault(rows, opener, clock=clock, erase_within=erase_within, verification_key=shown)
        await vault.refresh()
        yield vault


class Vault:
    """
    An open vault. `resolve_count` grows by one for each value that `resolve` hands out.

    `verification_key` is the audit log's, to be shown once, where this opening made the log; it lies nowhere else.
    """

    def __init__(
        self,
        rows: VaultRows,
        opener: Opener,
        *,
        clock: Clock,
        erase_within: float,
        verification_key: VerificationKey | None = None,
    ) -> None:
        self.resolve_count = 0
        self.verification_key = verification_key
        self._rows = rows
        self._opener = opener
        self._clock = clock
        self._erase_within = erase_within
        self._lock = anyio.Lock()
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

    async def adopt(self, keys: Ring) -> None:
        """
        Take in the keys of an installation that had no vault, if it has not been done; audited.

        What they sealed opens from now on, and idempotency keys stay what they were.

        Raises VaultTamperedError, SecretError.
        """
        if self.ring.sealing.keys() >= keys.sealing.keys():
            return
        at = self._clock.wall()
        await self._change(lambda snapshot: self._opener.adopted(snapshot, keys, at=at))

    async def audit(self, *entries: AuditEntry) -> None:
        """
        Write to the audit log what was done elsewhere; on disk when this returns.

        Raises VaultTamperedError, and SecretError where it cannot be written: then do not do it.
        """
        at = self._clock.wall()
        await self._change(lambda snapshot: self._opener.audited(snapshot, *entries, at=at))

    async def audit_rows(self, first: int, most: int) -> tuple[AuditRow, ...]:
        """At most `most` rows of the audit log from number `first` on. Raises SecretError."""
        return await self._rows.audit_rows(first, most)

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
        current = self._content.current
        try:
            found = {name: current[name] for name in names}
        except KeyError:
            missing = sorted(name for name in names if name not in current)
            raise SecretMissingError(
                f"There is no secret {', '.join(missing)}: set it with `runner secrets set {missing[0]}`.",
                name=missing[0],
            ) from None
        for name in names:
            check_use(name, self._content.infos[name].policy, workflow, self._clock.wall())
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

    async def policy(self, name: str) -> Policy:
        """For what and how long one secret may be used. Raises SecretMissingError."""
        return (await self.info(name)).policy

    async def set(self, name: str, value: str | bytes, *, by: str = "", short_ok: bool = False) -> int:
        """
        Add a version and make it the current one; its number comes back. `by`: who did it, as history shows it.

        Raises SecretError for a name or a value that cannot be, and where the vault cannot be written.
        """
        check_name(name)
        text = check_value(name, value, short_ok=short_ok)
        at = self._clock.wall()
        change = await self._change(lambda snapshot: self._opener.with_version(snapshot, name, text, at=at, by=by))
        assert change.secret is not None
        return change.secret.current

    async def delete(self, name: str, *, by: str = "") -> bool:
        """
        Delete a secret with all its versions, and take their bytes out of the file and its WAL.

        False: it is deleted, but another process was reading the file all the time, so that the bytes stay until the
        next delete or the end of the last process that has it open. Raises SecretMissingError, SecretError.
        """
        at = self._clock.wall()
        await self._change(lambda snapshot: self._opener.without(snapshot, name, at=at, by=by))
        deadline = self._clock.monotonic() + self._erase_within
        while not await self._rows.erase():
            if self._clock.monotonic() >= deadline:
                return False
            await self._clock.sleep(_RETRY)
        return True

    async def refresh(self) -> None:
        """See what other processes changed. Raises VaultTamperedError, SecretError."""
        if self._rows.stamp() == self._stamp:
            return
        async with self._lock:
            if self._rows.stamp() == self._stamp:
                return
            stamp, snapshot = await self._rows.snapshot()
            if stamp.generation < self.generation:
                raise VaultTamperedError(
                    f"An older copy of the vault was put in its place (generation {stamp.generation}, seen was "
                    f"{self.generation}): restore it with `runner restore` while no daemon runs."
                )
            self._content = await anyio.to_thread.run_sync(self._opener.open, snapshot, self._content)
            self._stamp, self._mark = stamp, Mark(snapshot.manifest.audit.sequence, snapshot.manifest.audit.mac)

    async def _change(self, decide: Callable[[Snapshot], Change]) -> Change:
        """One transaction, then see it. The audit key that it used is taken out of the WAL, unless somebody reads."""
        change = await self._rows.change(decide)
        self._mark = Mark(change.manifest.audit.sequence, change.manifest.audit.mac)
        await self._rows.erase()
        await self.refresh()
        return change
