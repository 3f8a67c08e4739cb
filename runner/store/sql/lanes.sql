-- Lanes: what a `concurrency` limit counts. A run has `taken` its place, or is `held` until there is one.

-- name: lane
-- How many have taken a place and how many are held.
select
    (select count(*) from runs where lane = :lane and place = 'taken'),
    (select count(*) from runs where lane = :lane and place = 'held' and superseded = 0);

-- name: standing
-- Who in a lane may be superseded, in the order of their acceptance: that of the rows.
select id, place from runs where lane = ? and place in ('taken', 'held') and superseded = 0 order by rowid;

-- name: supersede
-- These are to be cancelled.
update runs set superseded = 1 where id in (select value from json_each(?));

-- name: inherited
-- Whether a run or one of its ancestors has a place in a lane. A chain of parents is at most 10 long.
with recursive ancestors (id) as (
    values (:run)
    union
    select runs.parent from ancestors join runs on runs.id = ancestors.id where runs.parent is not null
)
select exists (select 1 from ancestors join runs using (id) where runs.lane = :lane and runs.place = 'taken');

-- name: with_held
-- Those of some lanes in which somebody is held.
select distinct lane from runs where place = 'held' and superseded = 0 and lane in (select value from json_each(?));

-- name: held
-- Who is held in a lane, oldest first, each with the limit that it was accepted under.
select id, run_limit from runs where lane = ? and place = 'held' and superseded = 0 order by id;

-- name: let_go
-- These may run now.
update runs set place = 'taken' where id in (select value from json_each(?));
