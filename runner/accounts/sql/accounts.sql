-- What the accounts read and write.

-- name: password
select hash from password;

-- name: put_password
insert into password (one, hash, changed_at) values (1, :hash, :at)
on conflict (one) do update set hash = excluded.hash, changed_at = excluded.changed_at;

-- name: put_setup
insert into setup (one, digest, expires_at) values (1, :digest, :expires_at)
on conflict (one) do update set digest = excluded.digest, expires_at = excluded.expires_at;

-- name: setup
-- Whether this is the one that counts.
select 1 from setup where digest = :digest and expires_at > :now;

-- name: setup_is_open
select 1 from setup where expires_at > :now;

-- name: use_setup
-- One row where it counted, none where it did not or was used by somebody else meanwhile.
delete from setup where digest = :digest and expires_at > :now;

-- name: add_session
insert into session (digest, created_at, seen_at) values (:digest, :now, :now);

-- name: session
select created_at, seen_at from session where digest = :digest and created_at > :born_after and seen_at > :seen_after;

-- name: see_session
update session set seen_at = :now where digest = :digest;

-- name: end_session
delete from session where digest = :digest;

-- name: end_sessions
delete from session;

-- name: forget_sessions
delete from session where created_at <= :born_after or seen_at <= :seen_after;

-- name: add_token
insert into token (name, digest, scopes, created_at, created_by, expires_at)
values (:name, :digest, :scopes, :now, :by, :expires_at)
on conflict (name) do nothing;

-- name: tokens
select name, scopes, created_at, created_by, expires_at, used_at from token order by name;

-- name: token
select name, scopes, created_at, created_by, expires_at, used_at from token
where digest = :digest and (expires_at is null or expires_at > :now);

-- name: named_token
select 1 from token where name = :name;

-- name: use_token
update token set used_at = :now where name = :name;

-- name: revoke_token
delete from token where name = :name;
