-- From format 1 to 2: the head knows of rotations, the manifest of the audit log; the installation's own keys and the log
-- itself get their tables from schema.sql.

alter table vault add column rotated_at real;
alter table manifest add column audit_sequence integer not null default 0;
alter table manifest add column audit_digest blob not null default x'';
alter table manifest add column audit_mac blob not null default x'';
alter table manifest add column audit_key blob not null default x'';
alter table versions add column policy text not null default '{}';
