-- Marks as a manager's row last had them. `approved` is read no more: a tick counts by a stamp of its own.
alter table vika_reconcile_snapshots
    alter column approved set default false,
    add column grade           text    not null default '',
    add column not_timed       boolean not null default false,
    add column not_followed_up boolean not null default false;
