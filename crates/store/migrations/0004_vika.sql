-- What `vika-sync` knows of the rows that it keeps. Written by `vika-sync` alone.
create table vika_sync_rows (
    -- The sheet's own id, so that another sheet in the configuration starts afresh.
    sheet        text        not null,
    room         text        not null,
    -- The row there; null: none yet.
    record       text,
    -- The last confirmed cells, {"fld…": canonical value}. Personal data: blanked by retention.
    cells        jsonb       not null default '{}',
    -- What could be seen in the row, and since when: [{"through","at"}], newest last. A cancel names it.
    seen         jsonb       not null default '[]',
    -- The version of the room that was last written; -1: write it again.
    version      bigint      not null,
    -- When cells change by the mere passing of time.
    due_at       timestamptz,
    -- When the row's creation was last sent, while its outcome is not known.
    attempted_at timestamptz,
    -- Why the row alone was refused.
    refused      text,
    -- How often in a row it was refused or did not hold what was written: each time it is left alone for longer.
    refusals     integer     not null default 0,
    -- It is left alone until then.
    retry_at     timestamptz,
    -- The row was in the sheet before anything was known of it, as after the loss of the database.
    found        boolean     not null default false,
    -- When the row was last compared with what the sheet holds.
    audited_at   timestamptz,
    primary key (sheet, room)
);
create unique index vika_sync_rows_record on vika_sync_rows (sheet, record) where record is not null;
create index vika_sync_rows_due on vika_sync_rows (sheet, due_at) where due_at is not null;
-- What every round asks for: rows to be compared again, rows written and not read back yet, rows found, rows that Vika
-- refuses.
create index vika_sync_rows_again on vika_sync_rows (sheet) where version < 0;
create index vika_sync_rows_unread on vika_sync_rows (sheet) where audited_at is null;
create index vika_sync_rows_found on vika_sync_rows (sheet) where found;
create index vika_sync_rows_refused on vika_sync_rows (sheet) where refused is not null;

-- How far the outcome of each command has come into the sheets.
create table vika_sync_outcomes (
    command      text primary key,
    -- When its row in 系统信息 was last sent, while the outcome is not known.
    attempted_at timestamptz,
    logged_at    timestamptz,
    -- When the tick that asked for it was taken back.
    unticked_at  timestamptz,
    -- When all of it was shown.
    settled_at   timestamptz,
    retry_at     timestamptz
);

-- Calls of the token of `vika-sync` that count against the space's month.
create table vika_sync_calls (
    -- `2026-11`
    month   text primary key,
    counted bigint not null
);

-- How far `vika-reconcile` has read managers' edits. Written by `vika-reconcile` alone.
create table vika_reconcile_sheets (
    sheet        text primary key,
    -- The largest edit stamp seen in data, in milliseconds.
    watermark_ms bigint      not null,
    updated_at   timestamptz not null
);

-- Edits that were dealt with: a poll looks back a little and meets them again.
create table vika_reconcile_edits (
    sheet    text        not null,
    record   text        not null,
    stamp_ms bigint      not null,
    -- sent, nothing (of what we act on was changed), unknown_row (not one of ours) or unseen (nothing was shown yet).
    became   text        not null,
    at       timestamptz not null,
    primary key (sheet, record, stamp_ms)
);

-- Owner, stage and approval as a manager's row last had them: an edit of another column is no wish about these.
create table vika_reconcile_snapshots (
    sheet    text    not null,
    record   text    not null,
    owner    text    not null,
    stage    text    not null,
    approved boolean not null,
    primary key (sheet, record)
);

-- Calls of the token of `vika-reconcile` that count against the space's month.
create table vika_reconcile_calls (
    month   text primary key,
    counted bigint not null
);

-- Found rows whose managers' columns were compared with what is in force.
create table vika_reconcile_compared (
    sheet  text        not null,
    record text        not null,
    at     timestamptz not null,
    -- Managers were asked, and have asked for nothing else since.
    asked  boolean     not null,
    primary key (sheet, record)
);

grant select, insert, update, delete on vika_sync_rows, vika_sync_outcomes, vika_sync_calls to vika_sync;
grant select, insert, update, delete on vika_reconcile_sheets, vika_reconcile_edits, vika_reconcile_snapshots,
    vika_reconcile_calls, vika_reconcile_compared to vika_reconcile;
grant select on vika_reconcile_sheets, vika_reconcile_edits, vika_reconcile_snapshots, vika_reconcile_calls,
    vika_reconcile_compared to vika_sync, reader;
grant select on vika_sync_rows, vika_sync_outcomes, vika_sync_calls to vika_reconcile, reader;
