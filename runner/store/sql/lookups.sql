-- What is asked of the store. `{…}` stands for a fragment that is named in here.

-- name: row
-- The columns of a `RunRow`, in its order.
id, workflow, revision, state, accepted_at, started_at, ended_at, trigger, parent, output, error, failed_action,
stopped_by, waiting, generation, was_queued

-- name: page
-- One page of runs, newest first. Each form of it is answered from one index, without a sort.
select {row} from runs where {conditions} and id not in (select run from swept) order by id desc limit ?

-- name: pages
-- The newest of several pages.
select * from ({parts}) order by id desc limit ?;

-- name: part
select * from ({page})

-- name: any
1

-- name: of_workflow
workflow = ?

-- name: of_state
state = ?

-- name: of_states
-- Beside a condition that leaves few rows; the sign keeps the index on the state out of it.
+state in (select value from json_each(?))

-- name: of_parent
parent = ?

-- name: that_waits
waiting = ?

-- name: older
id < ?

-- name: not_before
id >= ?

-- name: of_trigger
trigger = ?

-- name: of_label
exists (select 1 from json_each(labels) where key || '=' || value = ? or key = ?)

-- name: with_text
instr(lower(id || ' ' || workflow || ' ' || ifnull(failed_action, '') || ' ' || ifnull(error, '')), ?)

-- name: horizon
-- The run so many older than another.
select id from runs where id < ? order by id desc limit 1 offset ?;

-- name: queued
-- Why some queued runs wait: their lane and its limit, whether it holds them, and how many go first.
select
    id, place is 'held', lane, run_limit,
    case
        when place is 'held' then (
            select count(*) from runs as first where first.lane = runs.lane and first.place = 'held' and first.id < runs.id
        )
        else (
            select count(*) from runs as first indexed by runs_ready
            where first.state = 'queued' and first.place is not 'held' and first.id < runs.id
        )
    end
from runs where state = 'queued' and id in (select value from json_each(?));

-- name: run
-- One run.
select {row} from runs where id = ? and id not in (select run from swept);

-- name: run_by_prefix
-- At most two of the runs whose ids lie within two bounds.
select {row} from runs where id >= ? and id < ? and id not in (select run from swept) limit 2;

-- name: journal
-- A run's appends in order, those behind one of them.
select seq, boot, at, events from journal where run = ? and seq > ? order by seq limit ?;

-- name: tail
-- Appends of all runs in the order that they were written in.
select journal.rowid, journal.run, runs.workflow, journal.seq, journal.boot, journal.at, journal.events
from journal join runs on runs.id = journal.run
where journal.rowid > ? order by journal.rowid limit ?;

-- name: tail_end
-- The last of them.
select coalesce(max(rowid), 0) from journal;

-- name: journal_backwards
-- A run's appends, the latest first.
select seq, boot, at, events from journal where run = ? order by seq desc;

-- name: blob
-- The parts of a value too big for its row.
select data from blobs where run = ? and number = ? order by part;

-- name: revision
-- A definition.
select definition from revisions where revision = ?;

-- name: last
-- The last succeeded run of a workflow, and the failures since.
select workflows.last_run, runs.started_at, workflows.failures
from workflows left join runs on runs.id = workflows.last_run
where workflows.name = ?;

-- name: live
-- Runs that are neither queued nor ended, oldest first.
select id, workflow, revision, parent, parent_place, parent_depth, waiting
from runs where state = 'running' and id > ? order by id limit ?;

-- name: last_seq
-- The number of a run's last append.
select coalesce(max(seq), 0) from journal where run = ?;

-- name: due
-- Parked places whose time has come, earliest first.
select run, place, due from parked where due <= ? order by due, run, place limit ?;

-- name: superseded
-- Runs that are to be cancelled for newer ones, from an index that holds no others.
select id from runs indexed by runs_superseded where superseded = 1 order by id;

-- name: asking
-- Places behind a run and place that wait for an answer, those of the oldest runs first; walks the partial index of them alone.
select run, place, due from parked indexed by parked_by_callback
where callback is not null and (run, place) > (?, ?) order by run, place limit ?;

-- name: counts
-- Runs by state, as triggers keep them; no state that no run has.
select state, runs from counts where runs > 0;

-- name: free
-- Free pages of the file, and the bytes of each.
select (select freelist_count from pragma_freelist_count), (select page_size from pragma_page_size);
