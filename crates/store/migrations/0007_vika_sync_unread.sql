-- What every round asks for first, in this order: rows that were written and not read back yet. Rows that have no record in
-- the sheet are none of them, and there may be as many of those as there are rooms.
drop index vika_sync_rows_unread;
create index vika_sync_rows_unread on vika_sync_rows (sheet, room) where record is not null and audited_at is null;
