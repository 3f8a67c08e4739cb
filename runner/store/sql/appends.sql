-- What a batch of appends does to the tables. `{rows}` stands for as many rows of values as there are.

-- name: boot
-- The fencing token in force; read in the transaction that relies on it.
select boot from store;

-- name: journal
-- One row an append.
insert into journal (run, seq, boot, at, events) values {rows};

-- name: blobs
-- Values too big for their row, in parts.
insert into blobs (run, number, part, data) values {rows};

-- name: sealed
-- Runs whose journals hold sealed values from now on.
update runs set sealed = 1 where id in (select value from json_each(?)) and sealed <> 1;

-- name: before
-- Runs that are about to change, as they are.
select id, workflow, state, lane from runs where id in (select value from json_each(?));

-- name: change
-- The rows of the runs that changed; whoever ends leaves its lane and waits for nothing.
with changed (id, state, at, ended_at, output, error, failed_action, stopped_by, waiting) as (values {rows})
update runs set
    state = changed.state,
    started_at = case when changed.state = 'running' then coalesce(runs.started_at, changed.at) else runs.started_at end,
    ended_at = changed.ended_at,
    output = changed.output,
    error = changed.error,
    failed_action = changed.failed_action,
    stopped_by = changed.stopped_by,
    waiting = coalesce(changed.waiting, runs.waiting),
    superseded = 0,
    place = case
        when runs.lane is null or changed.state not in ('queued', 'running') then null
        when changed.state = 'queued' then 'held'
        else 'taken'
    end
from changed where runs.id = changed.id;

-- name: wait
-- Runs that begin or cease to wait only.
with changed (id, waiting) as (values {rows})
update runs set waiting = changed.waiting from changed where runs.id = changed.id;

-- name: unpark
-- Places that wait no more, or wait anew. The first condition finds the rows by their key, which the second alone does not.
with gone (run, place) as (values {rows})
delete from parked where run in (select run from gone) and (run, place) in (select run, place from gone);

-- name: park
-- Places that wait.
insert into parked (run, place, due, child, callback) values {rows};

-- name: unpark_ended
-- An ended run waits for nothing.
delete from parked where run in (select value from json_each(?));

-- name: signal
-- Places that wait for one of these children are due at once where it has ended.
update parked set due = 0.0
where child in (select value from json_each(?))
    and exists (select 1 from runs where id = parked.child and state in ('succeeded', 'failed', 'cancelled'));

-- name: remember
-- What `$last` and `$run.failures` mean from now on: a success begins a new count.
insert into workflows (name, last_run, failures) values {rows}
on conflict (name) do update set
    failures = iif(excluded.last_run is null, workflows.failures + excluded.failures, excluded.failures),
    last_run = coalesce(excluded.last_run, workflows.last_run);
