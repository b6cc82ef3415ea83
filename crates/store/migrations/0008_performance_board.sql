-- Links into the web board that were used, by their nonces: each opens one session. Forgotten some time after they expired.
create table performance_links (
    nonce   text        primary key,
    used_at timestamptz not null
);
create index performance_links_used on performance_links (used_at);

-- The slowest waits of some days, and those of a person, without looking at rows that do not count.
create index performance_waits_slowest on performance_waits (day, time_ms desc) where standing = 'counted' and kind = 'request';
create index performance_waits_owner on performance_waits (owner, day);
create index performance_waits_ended_by on performance_waits (ended_by, day);
create index performance_messages_person on performance_messages (person, day);

grant select, insert, update, delete on performance_links to performance;
grant select on performance_links to reader;
