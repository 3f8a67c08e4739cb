-- How far the vault was seen: besides its generation its id and the last row of its audit log.

alter table store add column vault_id blob;
alter table store add column vault_sequence integer not null default 0;
alter table store add column vault_mac blob not null default x'';
