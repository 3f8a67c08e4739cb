-- Starts of the daemon: whether the last one came to a clean stop, and which runs may be why it did not.

-- `started`: a daemon runs on this store, or ran and was killed. `abnormal_ends`: kills in a row.
alter table store add column started integer not null default 0;
alter table store add column abnormal_ends integer not null default 0;

-- Runs that were in flight at kills. `kills`: those at which it alone was; `held`: it waits for its turn, and so is not in
-- flight; `tested_at`: when it last had its turn.
create table suspects (
    run       text primary key references runs (id) on delete cascade,
    kills     integer not null default 0,
    held      integer not null default 0,
    tested_at real
) strict, without rowid;
