-- What a company decides, versioned. Written by `huiyin apply` alone; read by everyone.
create table rules (
    version    bigint generated always as identity primary key,
    valid_from timestamptz not null,
    body       jsonb       not null,
    applied_at timestamptz not null
);

grant select on rules to ingest, room_state, vika_sync, vika_reconcile, feishu_alerter, reader;
grant select, insert on rules to operator;
