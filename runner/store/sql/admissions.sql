-- Accepting runs, and handing queued ones to whoever executes them.

-- name: known_runs
-- Those of some run ids that exist: a resumed parent asks for the child that it has started before.
select id from runs where id in (select value from json_each(?));

-- name: first_run
-- The run that a deduplication key stands for at a time.
select run from dedupe where workflow = ? and key = ? and (until is null or until > ?);

-- name: known_revisions
-- Those of some revisions that the store has.
select revision from revisions where revision in (select value from json_each(?));

-- name: revisions
-- Definitions that are pinned for the first time.
insert into revisions (revision, definition) values {rows};

-- name: runs
-- One row a run that was accepted.
insert into runs (
    id, workflow, revision, state, accepted_at, started_at, trigger, labels,
    parent, parent_place, parent_depth, lane, place, run_limit, dedupe, was_queued
) values {rows};

-- name: dedupe
-- Keys that stand for a run from now on; one that had run out stands for the new one.
insert into dedupe (workflow, key, run, until) values {rows}
on conflict (workflow, key) do update set run = excluded.run, until = excluded.until;

-- name: claim
-- Queued runs that their limits let go, oldest first, run from now on. The index holds no others: however many are held,
-- none of them is looked at.
update runs set state = 'running', started_at = coalesce(started_at, ?)
where id in (select id from runs indexed by runs_ready where state = 'queued' and place is not 'held' order by id limit ?)
returning id, workflow, revision, parent, parent_place, parent_depth, waiting;

-- name: only_appends
-- The journals of those of some runs that hold a single append.
select run, seq, boot, at, events from journal as first
where run in (select value from json_each(?)) and seq = 1
    and not exists (select 1 from journal where run = first.run and seq = 2);

-- name: reopened
-- Its generation from now on.
update runs set generation = ? where id = ?;

-- name: to_reopen
-- What decides whether an ended run may go on: its state, its lane and the limit there, its parent.
select state, lane, run_limit, parent from runs where id = ?;
