-- Runs that had to wait for their turn.

-- `was_queued`: the run was queued when it was accepted, so what is fixed when a run starts is to be fixed at its turn.
alter table runs add column was_queued integer not null default 0;
