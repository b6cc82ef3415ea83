-- Calls of Vika that count against the space's month, by day of the company and by what they were for. The tables by month
-- are read no more.
create table vika_sync_daily_calls (
    day     date   not null,
    purpose text   not null,
    calls   bigint not null,
    primary key (day, purpose)
);

create table vika_reconcile_daily_calls (
    day     date   not null,
    purpose text   not null,
    calls   bigint not null,
    primary key (day, purpose)
);

insert into vika_sync_daily_calls
select (month || '-01')::date, 'before', counted from vika_sync_calls;
insert into vika_reconcile_daily_calls
select (month || '-01')::date, 'before', counted from vika_reconcile_calls;

grant select, insert, update, delete on vika_sync_daily_calls to vika_sync;
grant select, insert, update, delete on vika_reconcile_daily_calls to vika_reconcile;
grant select on vika_sync_daily_calls to vika_reconcile, reader;
grant select on vika_reconcile_daily_calls to vika_sync, reader;
