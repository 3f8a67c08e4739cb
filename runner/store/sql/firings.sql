-- Schedules, their firings, paused workflows, and ends that `run` triggers wait for.

-- name: marks
-- How far each schedule was decided.
select workflow, trigger, decided_until from schedules;

-- name: decided
-- How far these schedules were decided, as JSON pairs of workflow and trigger.
select workflow, trigger, decided_until from schedules
where (workflow, trigger) in (select value ->> 0, value ->> 1 from json_each(?));

-- name: mark
-- Schedules are decided up to a time; never back.
insert into schedules (workflow, trigger, decided_until) values {rows}
on conflict (workflow, trigger) do update set decided_until = max(decided_until, excluded.decided_until);

-- name: firing
-- What became of scheduled times.
insert into firings (workflow, trigger, scheduled_at, at, outcome, run, message, count) values {rows}
on conflict (workflow, trigger, scheduled_at) do nothing;

-- name: made
-- The run that a firing started.
select run from firings where workflow = ? and trigger = ? and scheduled_at = ?;

-- name: trim
-- Only the newest firings of a schedule are kept.
delete from firings where workflow = :workflow and trigger = :trigger and scheduled_at < (
    select scheduled_at from firings where workflow = :workflow and trigger = :trigger
    order by scheduled_at desc limit 1 offset :kept
);

-- name: recent
-- The last firings of each schedule of some workflows, newest first; only those are read, however many are kept.
select f.workflow, f.trigger, f.scheduled_at, f.at, f.outcome, f.run, f.message, f.count
from json_each(?1) as asked
cross join schedules as s on s.workflow = asked.value
cross join firings as f on f.workflow = s.workflow and f.trigger = s.trigger and f.scheduled_at >= coalesce((
    select scheduled_at from firings where workflow = s.workflow and trigger = s.trigger
    order by scheduled_at desc limit 1 offset ?2 - 1
), -1e999)
order by f.scheduled_at desc, f.workflow, f.trigger;

-- name: pause
-- A person pauses a workflow's triggers.
insert into workflows (name, paused_at, paused_by) values (?, ?, ?)
on conflict (name) do update set paused_at = excluded.paused_at, paused_by = excluded.paused_by where paused_at is null;

-- name: resume
-- They fire again.
update workflows set paused_at = null, paused_by = null where name = ?;

-- name: paused
-- Workflows whose triggers are paused.
select name, paused_at, paused_by from workflows where paused_at is not null order by name;

-- name: failures
-- Failed runs in a row of some workflows.
select name, failures from workflows where name in (select value from json_each(?));

-- name: ended
-- Runs that ended, for `run` triggers.
insert into endings (run, workflow, state, failures) values {rows};

-- name: endings
-- The oldest of them.
select number, run, workflow, state, failures from endings order by number limit ?;

-- name: forget
-- All up to one were told.
delete from endings where number <= ?;
