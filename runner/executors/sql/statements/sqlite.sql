-- The table of `exactly_once` on SQLite.

-- name: make
-- One row for each action that was carried out once: `row_count` is written last, `value` (sealed) is null where it was over 64 KB.
create table if not exists runner_effects (
    idempotency_key text primary key not null,
    statements text not null,
    row_count integer,
    value blob,
    done_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
)

-- name: make_index
-- What deletes old rows finds them by it.
create index if not exists runner_effects_done_at on runner_effects (done_at)

-- name: claim
-- Changes no row where the key is there.
insert into runner_effects (idempotency_key, statements) values (:key, :statements)
on conflict (idempotency_key) do nothing

-- name: record
-- What the statements gave.
update runner_effects set row_count = :row_count, value = :value where idempotency_key = :key

-- name: find
-- What an earlier execution recorded.
select statements, row_count, value, done_at from runner_effects where idempotency_key = :key

-- name: delete_old
-- A bounded number of rows.
delete from runner_effects where idempotency_key in (
    select idempotency_key from runner_effects
    where done_at < strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-' || :days || ' days')
    order by done_at limit 1000
)
