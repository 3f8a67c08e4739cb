-- How far the vault was seen.

-- name: read
-- Its id (null: nothing was noted yet), its generation, the last row of its audit log.
select vault_id, vault_generation, vault_sequence, vault_mac from store;

-- name: write
-- In the place of what was noted before.
update store set vault_id = ?, vault_generation = ?, vault_sequence = ?, vault_mac = ?;
