-- Suspects that get further between kills are not why.

-- `outcomes`: rows of its journal with something achieved, when it was last alone in flight at a kill.
alter table suspects add column outcomes integer not null default 0;
