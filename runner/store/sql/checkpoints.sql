-- Bringing the WAL into the file.

-- name: connection
-- What a pass copies is on disk before the WAL may begin anew.
pragma synchronous = full;

-- name: copy
-- As much as readers let it, waiting for nobody. Answers whether it could not begin, the pages of the WAL, and those of them
-- that are in the file.
pragma wal_checkpoint(passive);

-- name: truncate
-- Bring what is in the WAL into the file, and the WAL to nothing. Answers whether somebody was in the way.
pragma wal_checkpoint(truncate);
