-- The store of runs and journals, format 1.
--
-- The journal is the truth; `runs`, `parked` and `workflows` are caches of it, written in the transaction of the append.
-- Times are wall time in seconds since 1970 UTC. Run ids are opaque texts that sort by the time of acceptance.

-- One row: the fencing token of the current opening, and the vault's generation as this file last saw it.
create table store (
    one              integer primary key check (one = 1),
    boot             integer not null,
    vault_generation integer not null default 0
) strict;

insert into store (one, boot) values (1, 0);

-- Each revision that a run pins, as the JSON of `Workflow.encode`.
create table revisions (
    revision   text primary key,
    definition blob not null
) strict;

-- One row a run. `lane` names what its limit counts (null: no limit), `place` is its place in there: taken or held;
-- `run_limit` is the limit that it was accepted under. `waiting`: it is running, but only waits.
create table runs (
    id            text primary key,
    workflow      text not null,
    revision      text not null references revisions (revision),
    state         text not null check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    accepted_at   real not null,
    started_at    real,
    ended_at      real,
    trigger       text not null,
    labels        text not null default '{}',
    parent        text,
    parent_place  text,
    parent_depth  integer,
    generation    integer not null default 1,
    waiting       integer not null default 0,
    lane          text,
    place         text check (place in ('taken', 'held')),
    run_limit     integer,
    dedupe        text,
    output        blob,
    error         text,
    failed_action text,
    stopped_by    text
) strict;

create index runs_by_state on runs (state, id);
create index runs_by_workflow on runs (workflow, state, id);
create index runs_by_parent on runs (parent, id) where parent is not null;
create index runs_in_lane on runs (lane, place, id) where place is not null;
create index runs_ready on runs (id) where state = 'queued' and place is not 'held';

-- The appends, in the order they came: `(run, seq)` is what a second writer would have to take. Measured with 50 live
-- runs a commit: a rowid table with this key 0.34 ms, one `without rowid` 0.61 ms, since its rows go to as many pages.
create table journal (
    run    text not null references runs (id) on delete cascade,
    seq    integer not null,
    boot   integer not null,
    at     real not null,
    events blob not null,
    primary key (run, seq)
) strict;

-- Values too big for their journal row.
create table blobs (
    run    text not null references runs (id) on delete cascade,
    number integer not null,
    data   blob not null,
    primary key (run, number)
) strict;

-- Wake-ups: places that wait until `due`, or for a signal (`due` is null until it has come, then 0).
create table parked (
    run      text not null references runs (id) on delete cascade,
    place    text not null,
    due      real,
    child    text,
    callback text,
    primary key (run, place)
) strict, without rowid;

create index parked_by_due on parked (due) where due is not null;
create index parked_by_child on parked (child) where child is not null;
create index parked_by_callback on parked (callback) where callback is not null;

-- Deduplication keys and the run that came first; `until` null: for good.
create table dedupe (
    workflow text not null,
    key      text not null,
    run      text not null,
    until    real,
    primary key (workflow, key)
) strict, without rowid;

-- What is remembered of a workflow beside its runs: the last one that succeeded and how many failed in a row since,
-- so that `$last` costs no scan; and whether a person paused it.
create table workflows (
    name      text primary key,
    last_run  text,
    failures  integer not null default 0,
    paused_at real,
    paused_by text
) strict, without rowid;

-- Firings of schedules: each scheduled time of a trigger starts at most one run.
create table firings (
    workflow     text not null,
    trigger      text not null,
    scheduled_at real not null,
    run          text,
    primary key (workflow, trigger, scheduled_at)
) strict, without rowid;
