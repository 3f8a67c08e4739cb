-- Copies of databases for backups, and what a restored one is told.

-- name: copy
-- A whole, consistent copy into an empty file, while others read and write.
vacuum into ?;

-- name: check
-- `ok`, or what is wrong with the file.
pragma quick_check(1);

-- name: empty_wal
-- Everything that is in the WAL comes into the file.
pragma wal_checkpoint(truncate);

-- name: boot
-- The fencing token that was in force in a file.
select boot from store;

-- name: unfinished
-- Runs that have not ended, each with its last append.
select runs.id, coalesce(max(journal.seq), 0)
from runs left join journal on journal.run = runs.id
where runs.state in ('queued', 'running') group by runs.id order by runs.id;

-- name: restored
-- From now on it stands for another store: no boot that either of them has seen comes again.
update store set boot = max(boot, :seen) + :gap, restored_at = :at;
