-- How many runs there are of each state, kept by each statement that changes it: counting walks an index of all runs.

create table counts (
    state text primary key,
    runs  integer not null
) strict, without rowid;

insert into counts (state, runs) values ('queued', 0), ('running', 0), ('succeeded', 0), ('failed', 0), ('cancelled', 0);

update counts set runs = (select count(*) from runs where runs.state = counts.state);

create trigger counts_more after insert on runs begin
    update counts set runs = runs + 1 where state = new.state;
end;

create trigger counts_fewer after delete on runs begin
    update counts set runs = runs - 1 where state = old.state;
end;

create trigger counts_moved after update of state on runs when old.state <> new.state begin
    update counts set runs = runs - 1 where state = old.state;
    update counts set runs = runs + 1 where state = new.state;
end;
