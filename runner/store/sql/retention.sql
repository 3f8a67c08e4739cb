-- What goes when its time is over, in slices of the writer's thread; and giving the space back.

-- name: candidates
-- Runs in the order of their acceptance: whether each may go, and what it would take (0 rows: see `long`).
select
    id,
    accepted_at,
    parent is not null,
    revision,
    goes,
    case when goes then (select count(*) from (select 1 from journal where run = id limit :rows + 1)) end as rows,
    case when goes then (select coalesce(sum(length(data)), 0) from blobs where run = id) end as bytes
from (
    select
        runs.id,
        runs.accepted_at,
        runs.parent,
        runs.revision,
        runs.state in ('succeeded', 'failed', 'cancelled')
        and runs.ended_at < :before
        and not exists (select 1 from workflows where name = runs.workflow and last_run = runs.id)
        and not exists (
            select 1 from runs as parents
            where parents.id = runs.parent and (parents.ended_at is null or parents.ended_at >= :before)
        ) as goes
    from runs where runs.id > :after order by runs.id limit :most
);

-- name: delete_runs
-- Whole runs, with all that belongs to them.
delete from runs where id in (select value from json_each(?));

-- name: hide
-- A run that is deleted in several steps.
insert into swept (run) values (?);

-- name: hidden
-- The one that such steps are under way for. Not a join: SQLite would look through all runs for one that is in `swept`.
select run, (select revision from runs where runs.id = swept.run) from swept limit 1;

-- name: delete_blobs
-- Some parts of its values.
delete from blobs where rowid in (select rowid from blobs where run = ? limit ?);

-- name: delete_journal
-- Some rows of its journal.
delete from journal where rowid in (select rowid from journal where run = ? order by seq desc limit ?);

-- name: delete_revisions
-- Of some revisions those that no run names any more.
delete from revisions
where revision in (select value from json_each(?))
    and not exists (select 1 from runs where runs.revision = revisions.revision);

-- name: delete_dedupe
-- Deduplication keys whose time is over.
delete from dedupe
where (workflow, key) in (select workflow, key from dedupe where until <= ? limit ?);

-- name: old_schedules
-- Schedules that decided nothing for long.
select workflow, trigger from schedules where decided_until <= ? limit ?;

-- name: delete_firings
-- What is told of one schedule.
delete from firings where workflow = ? and trigger = ?;

-- name: delete_schedule
-- How far it was decided.
delete from schedules where workflow = ? and trigger = ?;

-- name: sealed
-- A run that has succeeded and whose sealed values nobody needs any more, but for that of its end.
select id from runs where sealed = 1 and state = 'succeeded' and ended_at <= ? order by id limit 1;

-- name: sealed_ends
-- Runs of which only the end's value is sealed, and whether somebody may still ask for it: `$last`, or a live parent.
select
    runs.id,
    exists (select 1 from workflows where name = runs.workflow and last_run = runs.id)
    or exists (select 1 from runs as parents where parents.id = runs.parent and parents.ended_at is null)
from runs where runs.sealed = 2 and runs.state = 'succeeded' and runs.id > ? order by runs.id limit ?;

-- name: sealed_rows
-- The rows of a run's journal with sealed values.
select seq, events from journal where run = ? and seq > ? and instr(events, '"sealed":"') order by seq limit ?;

-- name: last_row
-- The last row of a run's journal.
select seq, events from journal where run = ? order by seq desc limit 1;

-- name: rewrite
-- A row of a journal without its sealed values.
update journal set events = ? where run = ? and seq = ?;

-- name: mark_sealed
-- What is left sealed in some runs.
update runs set sealed = ? where id in (select value from json_each(?)) and sealed <> ?;

-- name: pages
-- Pages of the file, those of them that are free, and the bytes of each.
select
    (select page_count from pragma_page_count),
    (select freelist_count from pragma_freelist_count),
    (select page_size from pragma_page_size);

-- name: shrink
-- Give one free page back: the last one of the file moves to where a free one is. Of a larger number Python's module would
-- take the first step only.
pragma incremental_vacuum(1);

-- name: truncate
-- Bring what is in the WAL into the file, and the WAL to nothing. Answers whether somebody was in the way.
pragma wal_checkpoint(truncate);
