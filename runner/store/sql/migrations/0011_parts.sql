-- Values in parts, so that a large one goes in small steps too.

create table blobs_in_parts (
    run    text not null references runs (id) on delete cascade,
    number integer not null,
    part   integer not null,
    data   blob not null,
    primary key (run, number, part)
) strict;

-- 131072 bytes a part: `runner.store.bounds.PART`. Of nothing `substr` makes a null.
insert into blobs_in_parts (run, number, part, data)
with recursive parts (id, part, size) as (
    select rowid, 0, length(data) from blobs
    union all
    select id, part + 1, size from parts where (part + 1) * 131072 < size
)
select blobs.run, blobs.number, parts.part, coalesce(substr(blobs.data, parts.part * 131072 + 1, 131072), x'')
from parts join blobs on blobs.rowid = parts.id;

drop table blobs;

alter table blobs_in_parts rename to blobs;
