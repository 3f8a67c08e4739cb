-- The file of accounts, format 1. Digests are SHA-256 of random texts, times wall seconds since 1970 UTC.

-- The administrator's password as a PHC hash.
create table password (
    one integer primary key check (one = 1),
    hash text not null,
    changed_at real not null
) strict;

-- What may set the password once.
create table setup (
    one integer primary key check (one = 1),
    digest blob not null,
    expires_at real not null
) strict;

-- Browsers that are signed in.
create table session (
    digest blob primary key,
    created_at real not null,
    seen_at real not null
) strict;

-- Programs that may use the API. Scopes with spaces between them; without expires_at for ever.
create table token (
    name text primary key,
    digest blob not null unique,
    scopes text not null,
    created_at real not null,
    created_by text not null,
    expires_at real,
    used_at real
) strict;
