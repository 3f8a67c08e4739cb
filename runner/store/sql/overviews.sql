-- What pages show of workflows. `{…}` stands for a fragment that is named in here.

-- name: brief
-- The columns of a `RunRow`, in its order, without its output and with the beginning of its error.
runs.id, runs.workflow, runs.revision, runs.state, runs.accepted_at, runs.started_at, runs.ended_at, runs.trigger,
runs.parent, null, substr(runs.error, 1, 500), runs.failed_action, runs.stopped_by, runs.waiting, runs.generation,
runs.was_queued

-- name: newest
-- A walk along one index that stops at the limit.
select * from (
    select id from runs as each where workflow = named.value and state = '{state}' order by id desc limit :most
)

-- name: strips
-- The latest runs of each workflow and its last failed one: of each state the newest, then the newest of those.
select {brief}
from json_each(:workflows) as named cross join runs on runs.id in (
    select id from (select id from ({newest}) order by id desc limit :most)
    union
    select max(id) from runs as failed where workflow = named.value and state = 'failed'
)
where runs.id not in (select run from swept)
order by runs.id desc;

-- name: revisions
-- The revisions that bear a name, the one that ran last first.
select revisions.revision, oldest.accepted_at, newest.accepted_at, newest.id
from revisions indexed by revisions_by_name
cross join runs as oldest on oldest.id = (select min(id) from runs where runs.revision = revisions.revision)
cross join runs as newest on newest.id = (select max(id) from runs where runs.revision = revisions.revision)
where case when json_valid(cast(definition as text)) then json_extract(cast(definition as text), '$.name') end = ?
order by newest.id desc limit ?;

-- name: turn
-- The last run that succeeded and the first one after it that failed, in this order.
select {brief} from runs where id = (select last_run from workflows where name = :workflow)
union all
select {brief} from runs where id = (
    select min(id) from runs as failed
    where workflow = :workflow and state = 'failed'
      and id > (select last_run from workflows where name = :workflow)
);

-- name: first_append
-- The append that a run was accepted with.
select seq, boot, at, events from journal where run = ? and seq = 1;
