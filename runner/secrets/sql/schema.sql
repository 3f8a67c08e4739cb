-- The vault, format 2. Everything that is secret lies in `versions` and `ring`, encrypted; everything else is bound by the
-- manifest. `if not exists`: a vault of format 1 has the first five tables already, changed by upgrade.sql.

-- What the vault is: its id, how keys come from the master key, a sealed value that tells a wrong key at the start, and
-- when the master key was rotated last.
create table if not exists vault (
    one integer primary key check (one = 1),
    id blob not null,
    derivation text not null,
    salt blob not null,
    check_value blob not null,
    created_at real not null,
    rotated_at real
) strict;

-- What the vault holds, under a MAC; rewritten in the transaction of every change. `generation` grows by one each time that
-- anything but the audit log changed; `audit_…` is where that log ends, and the sealed key of its next row.
create table if not exists manifest (
    one integer primary key check (one = 1),
    generation integer not null,
    content blob not null,
    mac blob not null,
    audit_sequence integer not null default 0,
    audit_digest blob not null default x'',
    audit_mac blob not null default x'',
    audit_key blob not null default x''
) strict;

-- A secret: its current version and its policy (JSON).
create table if not exists secrets (
    id blob primary key,
    name text not null unique,
    current integer not null,
    policy text not null,
    created_at real not null,
    updated_at real not null
) strict, without rowid;

-- A version: its data key under the wrapping key, its value under the data key, both bound to `policy`.
create table if not exists versions (
    secret blob not null references secrets (id),
    version integer not null,
    wrapped blob not null,
    sealed blob not null,
    created_at real not null,
    created_by text not null,
    policy text not null default '{}',
    primary key (secret, version)
) strict;

-- A secret that was deleted, and the last version it had; its name may be used again, its versions go on counting.
create table if not exists tombstones (
    secret blob primary key,
    name text not null,
    version integer not null,
    deleted_at real not null
) strict, without rowid;

-- The installation's own random keys under the wrapping key. Of a purpose the highest number is in use, the others open
-- what they sealed.
create table if not exists ring (
    number integer primary key,
    purpose text not null,
    id blob not null,
    wrapped blob not null,
    created_at real not null
) strict;

-- What was done, only ever added to. A digest over the row and the digest before it, and a MAC under a key that was
-- destroyed afterwards.
create table if not exists audit (
    sequence integer primary key,
    at real not null,
    actor text not null,
    action text not null,
    subject text not null,
    details text not null,
    digest blob not null,
    mac blob not null
) strict;
