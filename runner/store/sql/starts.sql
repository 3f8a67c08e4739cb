-- Starts of the daemon, and the runs that may be why they ended without a stop.

-- name: past
-- Whether the last start came to no stop, and how many before it in a row.
select started, abnormal_ends from store;

-- name: begin
-- A start begins.
update store set started = 1, abnormal_ends = ?;

-- name: in_flight
-- The runs that the last start had in flight.
select id from runs
where state = 'running' and waiting = 0 and id not in (select run from suspects where held = 1) limit 2;

-- name: tested
-- The suspect that had its turn when a start ended that tried them one at a time.
select run from suspects where held = 0 and tested_at is not null order by tested_at desc limit 1;

-- name: kill
-- A run was alone in flight at a kill; what it achieved since the one before begins the count anew.
insert into suspects (run, kills, outcomes)
select :run, 1, count(*) from journal
where run = :run and (instr(events, '"outcome":"succeeded"') or instr(events, '"e":"settled"'))
on conflict (run) do update set
    kills = case when excluded.outcomes > outcomes then 1 else kills + 1 end,
    outcomes = excluded.outcomes;

-- name: suspect
-- Every run in flight is a suspect from now on.
insert into suspects (run)
select id from runs where state = 'running' and waiting = 0 on conflict (run) do nothing;

-- name: drop_others
-- Whoever has ended, or only waits, is none.
delete from suspects where run not in (select id from runs where state = 'running' and waiting = 0);

-- name: hold
-- All suspects wait for their turn (1), or none does (0).
update suspects set held = ?;

-- name: suspects
-- Whoever had its turn last comes first, then the oldest.
select run, kills from suspects order by tested_at is null, tested_at desc, run;

-- name: test
-- A suspect has its turn.
update suspects set held = 0, tested_at = ? where run = ?;

-- name: acquit
-- It is none any more.
delete from suspects where run = ?;

-- name: acquit_all
-- Nobody is.
delete from suspects;

-- name: lived
-- The start has lived long enough to be no part of a row.
update store set abnormal_ends = 0;

-- name: forgive
-- Kills before that do not count.
update suspects set kills = 0;

-- name: stop
-- The start comes to its stop.
update store set started = 0, abnormal_ends = 0;
