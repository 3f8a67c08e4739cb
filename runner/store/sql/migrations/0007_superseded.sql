-- Runs whose place a newer one of their lane takes.

-- `superseded`: it is to be cancelled (`cancel_running`), decided in the transaction that accepted the newer one.
alter table runs add column superseded integer not null default 0;

create index runs_superseded on runs (id) where superseded = 1;

drop index runs_in_lane;
create index runs_in_lane on runs (lane, place, superseded, id) where place is not null;
