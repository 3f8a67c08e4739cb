-- Everything of each run, to compare the journal with what was made of it.

-- name: runs
-- All runs but the one that is being deleted.
select id, revision, state, ended_at, waiting from runs where id not in (select run from swept) order by id;

-- name: places
-- Where a run is parked.
select place from parked where run = ?;

-- name: blobs
-- The values of a run that have rows of their own.
select distinct number from blobs where run = ?;

-- name: newest
-- When the store was written to last.
select max(at) from (select at from journal order by rowid desc limit 100);

-- name: counts
-- States of which `counts` says another number than there are runs: the state, what it says, how many there are.
select state, sum(said), sum(runs) from (
    select state, runs as said, 0 as runs from counts
    union all
    select state, 0, count(*) from runs group by state
) group by state having sum(said) <> sum(runs) order by state;
