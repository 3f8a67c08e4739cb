-- Opening a store: how each connection is set, and the fencing token of this opening.

-- name: writer
-- The writer's connection. Nothing of an accepted run may be lost to a power cut, hence `full`.
pragma synchronous = full;
pragma foreign_keys = on;
pragma temp_store = memory;
pragma wal_autocheckpoint = 2000;
pragma journal_size_limit = 67108864;

-- name: reader
-- A connection that only reads, whatever it is asked.
pragma query_only = on;

-- name: format
-- What the file says that it is, and how many things are in it.
select
    (select application_id from pragma_application_id),
    (select user_version from pragma_user_version),
    (select count(*) from sqlite_schema);

-- name: new_file
-- Before the first table: later, only a full rewrite would let the file shrink in steps.
pragma auto_vacuum = incremental;

-- name: wal
-- Readers and the writer keep out of each other's way. Kept in the file.
pragma journal_mode = wal;

-- name: boot
-- The token grows by one at each opening.
update store set boot = boot + 1 returning boot, restored_at;
