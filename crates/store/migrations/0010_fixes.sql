-- A message's id stands in one room alone: whoever stores entries looks for it in all others.
create index timeline_messages on timeline using hash (entry) where kind = 'message';

-- Rooms as each gateway last announced them: two gateways may be in one room. Takes the place of `ingest_rooms`, which has
-- one row a room and which the previous release goes on with; while it may, both are written and the newer row is read.
create table ingest_gateway_rooms (
    gateway text        not null,
    room    text        not null,
    topic   text        not null,
    owner   text,
    -- Contact ids, sorted.
    members text[]      not null,
    inviter text,
    -- Our account is no longer in it.
    gone    boolean     not null,
    -- Hash over all announcements so far: the next one's id is made of it.
    chain   text        not null,
    at      timestamptz not null,
    primary key (gateway, room)
);
grant select, insert, update, delete on ingest_gateway_rooms to ingest;
grant select on ingest_gateway_rooms to reader;
