-- What the vault reads and writes. A change is one transaction: snapshot, then the rows, then the manifest.

-- name: head
-- What the vault is.
select id, derivation, salt, check_value, created_at, rotated_at from vault;

-- name: head_of_format_1
-- What it was.
select id, derivation, salt, check_value, created_at from vault;

-- name: make_head
-- A new vault.
insert into vault (one, id, derivation, salt, check_value, created_at, rotated_at) values (1, ?, ?, ?, ?, ?, ?);

-- name: put_head
-- A vault under another master key.
update vault set id = ?, derivation = ?, salt = ?, check_value = ?, created_at = ?, rotated_at = ?;

-- name: make_manifest
-- A new vault's manifest; `put_manifest` fills it.
insert into manifest (one, generation, content, mac) values (1, 0, x'', x'');

-- name: generation
-- Read before every resolve: has anything changed?
select generation from manifest;

-- name: manifest
-- What the vault is said to hold.
select generation, content, mac, audit_sequence, audit_digest, audit_mac, audit_key from manifest;

-- name: manifest_of_format_1
-- What it was said to hold.
select generation, content, mac from manifest;

-- name: ring
-- The installation's own keys.
select number, purpose, id, wrapped, created_at from ring order by number;

-- name: secrets
-- All secrets.
select id, name, current, policy, created_at, updated_at from secrets order by id;

-- name: versions
-- All versions.
select secret, version, wrapped, sealed, created_at, created_by, policy from versions order by secret, version;

-- name: secrets_named
-- One secret.
select id, name, current, policy, created_at, updated_at from secrets where name = ?;

-- name: versions_named
-- Its versions.
select secret, version, wrapped, sealed, created_at, created_by, policy from versions
where secret = (select id from secrets where name = ?) order by version;

-- name: tombstones
-- All that were deleted.
select secret, name, version, deleted_at from tombstones order by secret;

-- name: put_secret
-- A new secret, or its new current version.
insert into secrets (id, name, current, policy, created_at, updated_at) values (?, ?, ?, ?, ?, ?)
on conflict (id) do update set current = excluded.current, policy = excluded.policy, updated_at = excluded.updated_at;

-- name: put_version
-- A new version.
insert into versions (secret, version, wrapped, sealed, created_at, created_by, policy) values (?, ?, ?, ?, ?, ?, ?);

-- name: remove_version
-- A version that is kept no longer.
delete from versions where secret = ? and version = ?;

-- name: remove_versions
-- Every version of a secret that is deleted.
delete from versions where secret = ?;

-- name: remove_secret
-- The secret itself.
delete from secrets where id = ?;

-- name: put_tombstone
-- What stays of it.
insert into tombstones (secret, name, version, deleted_at) values (?, ?, ?, ?);

-- name: rewrite_version
-- A version under other keys, or bound to another policy.
update versions set wrapped = ?, sealed = ?, policy = ? where secret = ? and version = ?;

-- name: put_ring
-- A new key of the installation's, or one under another wrapping key.
insert into ring (number, purpose, id, wrapped, created_at) values (?, ?, ?, ?, ?)
on conflict (number) do update set wrapped = excluded.wrapped;

-- name: put_audit
-- A row of the audit log.
insert into audit (sequence, at, actor, action, subject, details, digest, mac) values (?, ?, ?, ?, ?, ?, ?, ?);

-- name: audit_rows
-- The audit log.
select sequence, at, actor, action, subject, details, digest, mac from audit order by sequence;

-- name: audit_page
-- The newest rows of it that are wanted; walks back from where the page before ended, and stops at the limit.
select sequence, at, actor, action, subject, details, digest, mac from audit
where sequence < coalesce(?6, 9223372036854775807)
    and ?1 in ('', action) and ?2 in ('', subject) and ?3 in ('', actor)
    and (?4 is null or at >= ?4) and (?5 is null or at < ?5)
order by sequence desc limit ?7;

-- name: audit_tail
-- Its last two rows, and one that was noted.
select sequence, at, actor, action, subject, details, digest, mac from audit
where sequence >= (select max(sequence) - 1 from audit) or sequence = ? order by sequence;

-- name: put_manifest
-- The last step of every change.
update manifest
set generation = ?, content = ?, mac = ?, audit_sequence = ?, audit_digest = ?, audit_mac = ?, audit_key = ?;
