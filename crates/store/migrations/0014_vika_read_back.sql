-- How often in a row the row alone was refused: each time it is left alone for longer.
alter table vika_sync_rows add column refusals integer not null default 0;

-- Rows written and not read back yet, which every round of `vika-sync` asks for.
create index vika_sync_rows_unread on vika_sync_rows (sheet) where audited_at is null;
