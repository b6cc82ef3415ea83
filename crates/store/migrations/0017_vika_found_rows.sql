-- The row was in the sheet before anything was known of it, as after the loss of the database.
alter table vika_sync_rows add column found boolean not null default false;

create index vika_sync_rows_found on vika_sync_rows (sheet) where found;

-- Rows that Vika refuses, which every round of `vika-sync` asks for.
create index vika_sync_rows_refused on vika_sync_rows (sheet) where refused is not null;

-- Found rows whose managers' columns were compared with what is in force.
create table vika_reconcile_compared (
    sheet  text        not null,
    record text        not null,
    at     timestamptz not null,
    -- Managers were asked, and have asked for nothing else since.
    asked  boolean     not null,
    primary key (sheet, record)
);

grant select, insert, update, delete on vika_reconcile_compared to vika_reconcile;
grant select on vika_reconcile_compared to vika_sync, reader;
