-- What the page of a workflow asks: which revisions bear its name, and the first and last run of each.

drop index runs_by_revision;
create index runs_by_revision on runs (revision, id);

create index revisions_by_name on revisions (
    case when json_valid(cast(definition as text)) then json_extract(cast(definition as text), '$.name') end
);
