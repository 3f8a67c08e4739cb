-- The vault, format 1. Everything that is secret lies in `versions`, encrypted; everything else is bound by the manifest.

-- What the vault is: its id, how keys come from the master key, and a sealed value that tells a wrong key at the start.
create table vault (
    one integer primary key check (one = 1),
    id blob not null,
    derivation text not null,
    salt blob not null,
    check_value blob not null,
    created_at real not null
) strict;

-- What the vault holds, under a MAC; rewritten in the transaction of every change. `generation` grows by one each time.
create table manifest (
    one integer primary key check (one = 1),
    generation integer not null,
    content blob not null,
    mac blob not null
) strict;

-- A secret: its current version and its policy (JSON).
create table secrets (
    id blob primary key,
    name text not null unique,
    current integer not null,
    policy text not null,
    created_at real not null,
    updated_at real not null
) strict, without rowid;

-- A version: its data key under the wrapping key, its value under the data key.
create table versions (
    secret blob not null references secrets (id),
    version integer not null,
    wrapped blob not null,
    sealed blob not null,
    created_at real not null,
    created_by text not null,
    primary key (secret, version)
) strict;

-- A secret that was deleted, and the last version it had; its name may be used again, its versions go on counting.
create table tombstones (
    secret blob primary key,
    name text not null,
    version integer not null,
    deleted_at real not null
) strict, without rowid;
