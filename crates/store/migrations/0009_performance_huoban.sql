-- The rows that the figures have in Huoban (伙伴云). Written by `performance` alone.
create table performance_huoban_rows (
    -- The table's own id there, so that another table in the configuration starts afresh.
    table_id     text        not null,
    -- 业务键: what the row is about.
    key          text        not null,
    day          date        not null,
    -- The row there; null: none is known.
    item         text,
    -- Of what was last written; empty: write it again.
    digest       text        not null default '',
    written_at   timestamptz,
    -- When that was found to stand there; null: it was not read back yet.
    verified_at  timestamptz,
    -- When the row's creation was last sent, while its outcome is not known.
    attempted_at timestamptz,
    -- Why the row alone was refused, and with which content.
    refused      text,
    refused_digest text,
    -- How often in a row: each time it is left alone for longer, unless its content changes.
    refusals     integer     not null default 0,
    retry_at     timestamptz,
    primary key (table_id, key)
);
create index performance_huoban_rows_day on performance_huoban_rows (table_id, day);

-- The columns' ids, by which a column that was renamed is known again.
create table performance_huoban_fields (
    table_id text not null,
    -- The declared name.
    name     text not null,
    field    text not null,
    primary key (table_id, name)
);

-- Calls made, by the hour in which they were made. No limit is published, so that we keep one of our own.
create table performance_huoban_calls (
    hour  timestamptz primary key,
    calls bigint      not null
);

grant select, insert, update, delete on performance_huoban_rows, performance_huoban_fields, performance_huoban_calls
    to performance;
grant select on performance_huoban_rows, performance_huoban_fields, performance_huoban_calls to reader;
