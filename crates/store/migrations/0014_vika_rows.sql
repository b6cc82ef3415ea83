-- The ids of a sheet's columns as they were once found, by declared name: a column that managers rename is followed.
create table vika_sync_columns (
    sheet    text not null,
    declared text not null,
    field    text not null,
    primary key (sheet, declared)
);
grant select, insert, update, delete on vika_sync_columns to vika_sync;
grant select on vika_sync_columns to vika_reconcile, reader;

-- The sheet takes no more rows, and this room was quieter than all that have one: since when it has none.
alter table vika_sync_rows add column left_at timestamptz;
create index vika_sync_rows_left on vika_sync_rows (sheet) where left_at is not null and record is null;

-- The row bore the room's name and no 群ID: since when it is the room's. What managers had set in it counts as set then.
alter table vika_sync_rows add column claimed_at timestamptz;
