"""
The vault: secrets by name, encrypted in a file of their own.

    open_vault(path, master key)
        │   head, read-only ─► keys ─► check value: a wrong key ends here, and nothing was written
        ▼
    Vault ── set, change_policy, rollback, delete ─► decided by `changes` over verified rows ─► one transaction
          ── rotate ───────────────────────────────► decided by `rotation`                  ─► one transaction
          ── resolve, list, info, history ─────────► `reading`: what is open, or read, verified and opened anew

The daemon, the command line and the resolver use it. No value is believed before its row was verified against the
manifest. Values are Unicode text of 1 byte to 64 KiB in UTF-8; bytes that are no text are for base64.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import anyio

from runner.clock import Clock
from runner.errors import VaultKeyError
from runner.secrets.audit import AuditEntry, VerificationKey
from runner.secrets.changes import Asked, with_current, with_policy, with_version, without
from runner.secrets.content import Opener
from runner.secrets.head import new_head, open_head
from runner.secrets.keys import Keys, MasterKey
from runner.secrets.names import check_name, check_value
from runner.secrets.policy import UNCHANGED, Policy, PolicyChange
from runner.secrets.reading import Reading, mark_of
from runner.secrets.ring import Ring
from runner.secrets.rotation import rotated
from runner.secrets.rows import Change, Head, Snapshot
from runner.secrets.sqlite_file import read_head
from runner.secrets.sqlite_rows import open_rows

_RETRY: Final = 0.05
"""Seconds between two tries to erase while another process reads the file."""


@asynccontextmanager
async def open_vault(
    path: Path,
    master: MasterKey,
    *,
    clock: Clock,
    erase_within: float = 5.0,
    keep_versions: int = 10,
    previous: MasterKey | None = None,
) -> AsyncIterator["Vault"]:
    """
    Open the vault at `path`, or make one. `erase_within`: seconds that erasing waits for other readers of the file.
    `keep_versions`: how many versions of a secret stay. `previous` is tried where `master` does not open the vault,
    since it was not rotated to that one yet.

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
    is_previous = False
    if keys is None:
        keys, is_previous = await _keys(path, head, master, previous)
    opener = Opener(keys, head.vault)
    async with open_rows(path) as rows:
        upgraded: list[VerificationKey] = []

        def upgrade(snapshot: Snapshot) -> Change:
            change, key = opener.upgraded(snapshot, at=clock.wall())
            upgraded[:] = [key]
            return change

        if await rows.upgrade(upgrade):
            (shown,) = upgraded
        vault = Vault(
            rows,
            opener,
            clock=clock,
            erase_within=erase_within,
            keep_versions=keep_versions,
            verification_key=shown,
            opened_by_previous=is_previous,
        )
        await vault.refresh()
        yield vault


async def _keys(path: Path, head: Head, master: MasterKey, previous: MasterKey | None) -> tuple[Keys, bool]:
    try:
        return await open_head(path, head, master), False
    except VaultKeyError:
        if previous is not None:
            with suppress(VaultKeyError):
                return await open_head(path, head, previous), True
        raise


class Vault(Reading):
    """An open vault: what `Reading` tells, and what changes it."""

    async def adopt(self, keys: Ring) -> None:
        """
        Take in the keys of an installation that had no vault, if it has not been done; audited.

        What they sealed opens from now on, and idempotency keys stay what they were.

        Raises VaultTamperedError, SecretError.
        """
        if self.ring.sealing.keys() >= keys.sealing.keys():
            return
        at = self._clock.wall()
        await self._change(lambda snapshot: self._opener.adopted(snapshot, keys, at=at), frozenset())

    async def audit(self, *entries: AuditEntry) -> None:
        """
        Write to the audit log what was done elsewhere; on disk when this returns.

        Raises VaultTamperedError, and SecretError where it cannot be written: then do not do it.
        """
        at = self._clock.wall()
        await self._change(lambda snapshot: self._opener.audited(snapshot, *entries, at=at), frozenset())

    async def shown_audit_key(self, key: VerificationKey, *, by: str = "") -> None:
        """Write down that somebody saw `key`: nobody can see it again. Raises VaultTamperedError, SecretError."""
        await self.audit(AuditEntry("audit_key", "", by, {"first": key.first}))

    async def new_audit_key(self, *, by: str = "") -> VerificationKey:
        """
        A fresh key for the audit log from its next row on, to be shown this once; that it was begun is the last row
        under the key before. Raises VaultTamperedError, SecretError.
        """
        made: list[VerificationKey] = []
        at = self._clock.wall()

        def decide(snapshot: Snapshot) -> Change:
            change, key = self._opener.rekeyed(snapshot, by=by, at=at)
            made[:] = [key]
            return change

        await self._change(decide, frozenset())
        return made[0]

    async def set(
        self,
        name: str,
        value: str | bytes,
        *,
        by: str = "",
        short_ok: bool = False,
        policy: PolicyChange = UNCHANGED,
        if_match: int | None = None,
    ) -> int:
        """
        Add a version and make it the current one; its number comes back. `by`: who did it, as history shows it.

        `policy` may make it wider, since here the value is given anew. `if_match`: the version that has to be the
        current one, 0 where there has to be no such secret. The oldest versions go where there are too many.

        Raises SecretError for a name, a value or a policy that cannot be and where the vault cannot be written,
        SecretConflictError, VaultTamperedError.
        """
        check_name(name)
        text = check_value(name, value, short_ok=short_ok)
        asked = self._asked(name, by, if_match)
        change = await self._change(
            lambda snapshot: with_version(self._opener, snapshot, asked, text, policy), frozenset({name})
        )
        assert change.secret is not None
        if change.pruned:
            await self.erase()
        return change.secret.current

    async def change_policy(
        self, name: str, policy: PolicyChange, *, by: str = "", if_match: int | None = None
    ) -> Policy:
        """
        Another policy for the value as it is, which must not be wider; the whole policy comes back.

        Raises SecretRefusedError for a wider one, SecretMissingError, SecretConflictError, SecretError.
        """
        asked = self._asked(name, by, if_match)
        change = await self._change(
            lambda snapshot: with_policy(self._opener, snapshot, asked, policy), frozenset({name})
        )
        if change.rewritten:
            await self.erase()
        return await self.policy(name)

    async def rollback(self, name: str, version: int, *, by: str = "", if_match: int | None = None) -> bool:
        """
        Make a kept version the current one again, under the policy of today; False where it is current already.

        Raises SecretRefusedError where its value was not given for all that today's policy allows, SecretMissingError
        for a secret or a version that is not kept, SecretConflictError, SecretError.
        """
        asked = self._asked(name, by, if_match)
        change = await self._change(
            lambda snapshot: with_current(self._opener, snapshot, asked, version), frozenset({name})
        )
        return change.secret is not None

    async def delete(self, name: str, *, by: str = "", if_match: int | None = None) -> bool:
        """
        Delete a secret with all its versions, and take their bytes out of the file and its WAL.

        What `erase` says comes back. Raises SecretMissingError, SecretConflictError, SecretError.
        """
        asked = self._asked(name, by, if_match)
        await self._change(lambda snapshot: without(self._opener, snapshot, asked), frozenset({name}))
        return await self.erase()

    async def rotate(self, master: MasterKey, *, by: str = "") -> bool:
        """
        Put the vault under another master key, with new salt and data keys, in one transaction; then erase the old.

        A kill at any instant leaves a vault that exactly one of the two keys opens. What `erase` says comes back.
        Raises VaultTamperedError, VaultKeyError, SecretError.
        """
        with anyio.CancelScope(shield=True):
            async with self._changing, self._lock:
                _, snapshot = await self._rows.snapshot()
                head, keys = await new_head(master, self._clock.wall(), of=snapshot.head)
                old, new = self._opener, Opener(keys, self._opener.vault)
                change = await self._rows.change(lambda rows: rotated(old, new, head, rows, by=by))
                self._opener, self._mark, self.opened_by_previous = new, mark_of(change.manifest), False
            await self.refresh()
        return await self.erase()

    @property
    def is_erased(self) -> bool:
        """False: bytes of what was deleted, pruned or sealed anew may still lie in the file's WAL: call `erase`."""
        return self._erased == self.generation

    async def erase(self) -> bool:
        """
        Take what is there no longer out of the file and its WAL, whoever changed it.

        False: another process was reading the file all the time, so that the bytes stay until this is tried again, or
        until the last process that has the file open ends. Raises SecretError.
        """
        deadline = self._clock.monotonic() + self._erase_within
        while not await self._erase_once():
            if self._clock.monotonic() >= deadline:
                return False
            await self._clock.sleep(_RETRY)
        return True

    async def _erase_once(self) -> bool:
        generation = self.generation
        is_done = await self._rows.erase()
        if is_done:
            self._erased = generation
        return is_done

    def _asked(self, name: str, by: str, if_match: int | None) -> Asked:
        return Asked(name, by, self._clock.wall(), self._keep_versions, if_match)

    async def _change(self, decide: Callable[[Snapshot], Change], only: frozenset[str]) -> Change:
        """
        One transaction over the rows of these names, then see it. The audit key that it used is taken out of the WAL,
        unless somebody reads.
        """
        async with self._changing:
            change = await self._rows.change(decide, only)
            self._mark = mark_of(change.manifest)
        await self.refresh()
        await self._erase_once()
        return change
