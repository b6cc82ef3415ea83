-- What capture knows. Written by `ingest` alone.
create table gateways (
    gateway       text primary key,
    source        text        not null,
    account       text,
    state         text        not null,
    state_since   timestamptz not null,
    epoch         bigint      not null default 0,
    last_live_at  timestamptz,
    last_event_at timestamptz,
    -- Which process wrote this, and when: a standby leaves the row alone while another one's is fresh.
    holder        text,
    written_at    timestamptz
);

-- Stretches of time in which messages may have been lost. Open while `until` is null.
create table capture_gaps (
    id       bigint generated always as identity primary key,
    gateway  text        not null,
    -- Which rooms it concerns: those of its source that its account is in; null: the account is not known, it may be any.
    source   text        not null,
    account  text,
    since    timestamptz not null,
    until    timestamptz,
    reason   text        not null,
    -- How many messages it is about, where that is known: those that the gateway named and could not give.
    messages bigint
);
create index capture_gaps_open on capture_gaps (gateway) where until is null;

-- Message ids whose payload is still to be fetched. A row is deleted once its message is on the bus.
create table ingest_inbox (
    gateway         text        not null,
    message         text        not null,
    -- The account that was logged in when the id came.
    account         text,
    epoch           bigint      not null,
    reader_seq      bigint      not null,
    arrived_at      timestamptz not null,
    attempts        integer     not null default 0,
    next_attempt_at timestamptz not null,
    -- Why its payload was given up.
    missing         text,
    -- A message id that was too long, or held what an id may not: what the gateway calls it.
    wire_id         text,
    primary key (gateway, message)
);
create index ingest_inbox_due on ingest_inbox (gateway, next_attempt_at) where missing is null;

-- Facts that the bus has not taken yet, in order. They hold customers' words, and are deleted once they are on the bus.
create table ingest_outbox (
    id      bigint generated always as identity primary key,
    gateway text  not null,
    -- The Nats-Msg-Id.
    key     text  not null,
    subject text  not null,
    payload bytea not null,
    -- A fact that the bus can never take: why.
    refused text
);

-- Rooms as each gateway last announced them on the bus, so that only changes are announced again. Two gateways may be in
-- one room.
create table ingest_rooms (
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

-- People as their source last described them.
create table contacts (
    person      text primary key,
    name        text        not null,
    corporation text        not null,
    coworker    boolean,
    seen_at     timestamptz not null
);

-- Who is in which room.
create table members (
    room    text        not null,
    person  text        not null,
    seen_at timestamptz not null,
    primary key (room, person)
);

grant select, insert, update, delete on gateways, capture_gaps, ingest_inbox, ingest_outbox, ingest_rooms, contacts, members
    to ingest;
grant select on contacts, members, capture_gaps to room_state;
grant select on capture_gaps to vika_sync;
grant select on contacts, gateways, capture_gaps to feishu_alerter;
grant select on gateways, capture_gaps, ingest_inbox, ingest_outbox, ingest_rooms, contacts, members to reader;
