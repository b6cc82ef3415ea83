-- What a company decides, versioned. Written by `huiyin apply` alone; read by everyone.
create table rules (
    version    bigint generated always as identity primary key,
    valid_from timestamptz not null,
    body       jsonb       not null,
    applied_at timestamptz not null
);

-- When the system goes live, and when back to rehearsal. Written by `huiyin golive` alone; a row is never changed.
create table golive (
    change   bigint generated always as identity primary key,
    -- From when it holds, never before `noted_at`; what a later row says takes the place of all that is still to come.
    since    timestamptz not null,
    live     boolean     not null,
    noted_at timestamptz not null,
    check (since >= noted_at)
);

grant select on rules to ingest, room_state, vika_sync, vika_reconcile, feishu_alerter, reader;
grant select, insert on rules to operator;
grant select on golive to room_state, vika_sync, feishu_alerter, reader;
grant select, insert on golive to operator;
