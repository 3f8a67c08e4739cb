"""
What a change of one secret does, decided over rows that were verified: rows to write, rows to drop, what the log says.

    set       ──► a version more, current; older ones that are as wide are bound to the new policy too
    policy    ──► every kept version sealed anew under it; what is wider than before is refused: that takes the value
    rollback  ──► an old version current, unless the policy of today is wider than the one it was given under
    delete    ──► nothing but a tombstone

`runner.secrets.vault` runs one of these in each transaction. A version never opens under a policy that is wider than
the one its value was given under: its policy is part of what it is sealed with. Pure but for fresh keys.
"""

import secrets as random
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from runner.clock import iso
from runner.errors import SecretConflictError, SecretError, SecretMissingError, SecretRefusedError
from runner.secrets.audit import AuditAction, AuditEntry
from runner.secrets.content import Opener
from runner.secrets.policy import EVERYTHING, Policy, PolicyChange, decode, widens
from runner.secrets.rows import Change, SecretRow, Snapshot, TombstoneRow, VersionRow


class Asked(NamedTuple):
    """
    Who asks for a change of which secret, and when (wall seconds).

    `if_match` is the version that has to be the current one, 0 for none at all; None takes whichever is there.
    `keep` is how many versions stay, besides the current one where that is older.
    """

    name: str
    by: str
    at: float
    keep: int
    if_match: int | None = None


class _Found(NamedTuple):
    """One secret of a snapshot; `versions` are its kept ones, oldest first. A new one has none."""

    row: SecretRow
    policy: Policy
    versions: tuple[VersionRow, ...]

    @property
    def last(self) -> int:
        return self.versions[-1].version if self.versions else self.row.current


def with_version(opener: Opener, snapshot: Snapshot, asked: Asked, value: str, policy: PolicyChange) -> Change:
    """
    A version more, of a secret that is there or not; a name that was used before goes on counting.

    Raises SecretConflictError, SecretError for a policy that cannot be, VaultTamperedError.
    """
    opener.verify(snapshot)
    found = _find(snapshot, asked.name)
    _check_match(asked, found)
    before = found or _new(snapshot, asked)
    after = policy.applied(asked.name, before.policy)
    if after.on_expiry == "refuse" and after.is_expired(asked.at):
        assert after.expires_at is not None
        raise SecretError(
            f"{asked.name}: the value would be refused at once, since its expiry is {iso(after.expires_at)}: "
            "set another with --expires-at, or none with --no-expiry.",
            name=asked.name,
        )
    row = msgspec.structs.replace(before.row, current=before.last + 1, policy=after.encode(), updated_at=asked.at)
    version = opener.seal(row, row.current, value, at=asked.at, by=asked.by)
    entries = [AuditEntry("set" if found is None else "replace", asked.name, asked.by, {"version": row.current})]
    entries += _told(asked, before.policy, after) if found else []
    versions = (*_bound(opener, before, row, after), version)
    return _change(opener, snapshot, asked, _Found(row, after, versions), before, entries)


def with_policy(opener: Opener, snapshot: Snapshot, asked: Asked, policy: PolicyChange) -> Change:
    """
    Another policy, no wider than the one before, for the value as it is; nothing where it is the same.

    Raises SecretRefusedError for a wider one, SecretMissingError, SecretConflictError, SecretError, VaultTamperedError.
    """
    opener.verify(snapshot)
    found = _there(snapshot, asked)
    after = policy.applied(asked.name, found.policy)
    if after == found.policy:
        return _nothing(snapshot)
    if wider := widens(found.policy, after):
        raise SecretRefusedError(
            f"{asked.name}: {', '.join(wider)} would be allowed that was not before: that takes the value anew, "
            f"with `runner secrets set {asked.name}` and the same options.",
            name=asked.name,
        )
    row = msgspec.structs.replace(found.row, policy=after.encode(), updated_at=asked.at)
    changed = _Found(row, after, _bound(opener, found, row, after))
    return _change(opener, snapshot, asked, changed, found, _told(asked, found.policy, after))


def with_current(opener: Opener, snapshot: Snapshot, asked: Asked, number: int) -> Change:
    """
    The version of that number current again, under the policy of today; nothing where it is current.

    Raises SecretRefusedError where it was given for less than today's policy allows, SecretMissingError for a number
    that is not kept, SecretConflictError, VaultTamperedError.
    """
    opener.verify(snapshot)
    found = _there(snapshot, asked)
    if number == found.row.current:
        return _nothing(snapshot)
    version = next((each for each in found.versions if each.version == number), None)
    if version is None:
        kept = ", ".join(str(each.version) for each in found.versions)
        raise SecretMissingError(f"{asked.name} has no version {number}; kept are {kept}.", name=asked.name)
    if wider := widens(decode(asked.name, version.policy), found.policy):
        raise SecretRefusedError(
            f"{asked.name}: version {number} was not given for {', '.join(wider)}, which is allowed today: set its "
            f"value anew with `runner secrets set {asked.name}`, or narrow the policy first.",
            name=asked.name,
        )
    row = msgspec.structs.replace(found.row, current=number, updated_at=asked.at)
    entry = AuditEntry("rollback", asked.name, asked.by, {"version": number, "from": found.row.current})
    return _change(opener, snapshot, asked, found._replace(row=row), found, [entry])


def without(opener: Opener, snapshot: Snapshot, asked: Asked) -> Change:
    """The secret gone with all its versions. Raises SecretMissingError, SecretConflictError, VaultTamperedError."""
    opener.verify(snapshot)
    found = _there(snapshot, asked)
    tombstone = TombstoneRow(found.row.id, asked.name, found.last, asked.at)
    after = msgspec.structs.replace(
        snapshot,
        secrets=tuple(row for row in snapshot.secrets if row.id != found.row.id),
        versions=tuple(row for row in snapshot.versions if row.secret != found.row.id),
        tombstones=(*snapshot.tombstones, tombstone),
    )
    entry = AuditEntry("delete", asked.name, asked.by, {"version": found.last})
    return opener.change(after, entry, at=asked.at, tombstone=tombstone)


def _find(snapshot: Snapshot, name: str) -> _Found | None:
    row = next((row for row in snapshot.secrets if row.name == name), None)
    if row is None:
        return None
    versions = sorted((each for each in snapshot.versions if each.secret == row.id), key=lambda each: each.version)
    return _Found(row, decode(name, row.policy), tuple(versions))


def _there(snapshot: Snapshot, asked: Asked) -> _Found:
    found = _find(snapshot, asked.name)
    if found is None:
        raise SecretMissingError(f"There is no secret {asked.name}.", name=asked.name)
    _check_match(asked, found)
    return found


def _new(snapshot: Snapshot, asked: Asked) -> _Found:
    before = max((each.version for each in snapshot.tombstones if each.name == asked.name), default=0)
    row = SecretRow(random.token_bytes(16), asked.name, before, EVERYTHING.encode(), asked.at, asked.at)
    return _Found(row, EVERYTHING, ())


def _check_match(asked: Asked, found: _Found | None) -> None:
    current = found.row.current if found else 0
    if asked.if_match is None or asked.if_match == current:
        return
    there = f"version {current} is there" if current else "it is not there"
    wanted = f"version {asked.if_match}" if asked.if_match else "no such secret"
    raise SecretConflictError(
        f"{asked.name}: expected {wanted}, but {there}: somebody else changed it; look at it again.",
        name=asked.name,
        version=current,
    )


def _bound(opener: Opener, found: _Found, row: SecretRow, policy: Policy) -> tuple[VersionRow, ...]:
    """Versions bound to the policy, but those that were given for less than it allows: these stay as they are."""
    return tuple(
        each
        if each.policy == row.policy or widens(decode(row.name, each.policy), policy)
        else opener.bind(found.row, row, each)
        for each in found.versions
    )


def _pruned(versions: Iterable[VersionRow], current: int, keep: int) -> tuple[tuple[VersionRow, ...], tuple[int, ...]]:
    """The newest `keep` and the current one; and the numbers of the others."""
    ordered = sorted(versions, key=lambda each: each.version)
    kept = tuple(each for each in ordered if each in ordered[-keep:] or each.version == current)
    return kept, tuple(each.version for each in ordered if each not in kept)


def _told(asked: Asked, before: Policy, after: Policy) -> list[AuditEntry]:
    if before == after:
        return []
    action: AuditAction = "widen" if widens(before, after) else "narrow" if widens(after, before) else "policy"
    return [AuditEntry(action, asked.name, asked.by, msgspec.to_builtins(after))]


def _nothing(snapshot: Snapshot) -> Change:
    return Change(manifest=snapshot.manifest)


def _change(
    opener: Opener, snapshot: Snapshot, asked: Asked, after: _Found, before: _Found, entries: list[AuditEntry]
) -> Change:
    """The rows that `after` differs in from `before`, as far as versions are kept."""
    row = after.row
    kept, pruned = _pruned(after.versions, row.current, asked.keep)
    if pruned:
        entries = [*entries, AuditEntry("prune", asked.name, asked.by, {"versions": list(map(str, pruned))})]
    rows = msgspec.structs.replace(
        snapshot,
        secrets=(*(each for each in snapshot.secrets if each.id != row.id), row),
        versions=(*(each for each in snapshot.versions if each.secret != row.id), *kept),
    )
    old = {each.version: each for each in before.versions}
    return opener.change(
        rows,
        *entries,
        at=asked.at,
        secret=row,
        version=next((each for each in kept if each.version not in old), None),
        rewritten=tuple(each for each in kept if each.version in old and old[each.version] != each),
        pruned=tuple((row.id, number) for number in pruned),
    )
