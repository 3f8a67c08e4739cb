-- Format 2: what retention and restore need.

-- `restored_at`: since when this store stands for another one, by `runner restore`; schedules catch up from there on.
alter table store add column restored_at real;

-- Sealed values in the run's journal: 0 none that are left, 1 some, 2 only that of its end, which `$last` or a parent needs.
alter table runs add column sealed integer not null default 0;

create index runs_by_revision on runs (revision);
create index runs_sealed on runs (sealed, id) where sealed > 0 and state = 'succeeded';
create index dedupe_by_until on dedupe (until) where until is not null;

-- The run that is being deleted in several steps, since its journal is long: in no list and found by nobody from now on.
create table swept (
    run text primary key references runs (id) on delete cascade
) strict, without rowid;
