-- The table of `exactly_once` on MySQL and MariaDB. It needs an engine with transactions.

-- name: make
-- One row for each action that was carried out once: `row_count` is written last, `value` (sealed) is null where it was over 64 KB.
create table if not exists runner_effects (
    idempotency_key char(32) character set ascii collate ascii_bin not null primary key,
    statements char(64) character set ascii collate ascii_bin not null,
    row_count bigint,
    value mediumblob,
    done_at timestamp not null default current_timestamp,
    index runner_effects_done_at (done_at)
) engine = InnoDB

-- name: claim
-- Waits for a transaction that holds the key; changes no row where that was committed.
insert ignore into runner_effects (idempotency_key, statements) values (:key, :statements)

-- name: record
-- What the statements gave.
update runner_effects set row_count = :row_count, value = :value, done_at = done_at where idempotency_key = :key

-- name: find
-- What an earlier execution recorded.
select statements, row_count, value, done_at from runner_effects where idempotency_key = :key

-- name: delete_old
-- A bounded number of rows.
delete from runner_effects where done_at < current_timestamp - interval :days day order by done_at limit 1000
