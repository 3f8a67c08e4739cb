-- Schedules and `run` triggers on disk.

-- Firings: each scheduled time of a trigger is decided once. `run` is what it started; `message` says why it did not, and
-- `count` how many such times one row stands for (those that were missed).
drop table firings;

create table firings (
    workflow     text not null,
    trigger      text not null,
    scheduled_at real not null,
    at           real not null,
    outcome      text not null check (outcome in ('fired', 'ignored', 'refused', 'missed')),
    run          text,
    message      text not null default '',
    count        integer not null default 1,
    primary key (workflow, trigger, scheduled_at)
) strict, without rowid;

-- How far each schedule was decided: what was scheduled later is still to be made.
create table schedules (
    workflow      text not null,
    trigger       text not null,
    decided_until real not null,
    primary key (workflow, trigger)
) strict, without rowid;

-- Ends of runs that `run` triggers have not been told of yet. `failures`: failed runs of the workflow in a row before it.
create table endings (
    number   integer primary key autoincrement,
    run      text not null,
    workflow text not null,
    state    text not null,
    failures integer not null
) strict;
