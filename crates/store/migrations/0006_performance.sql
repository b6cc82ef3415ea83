-- From where on a room was folded again, so that whoever derives something from its waits and its timeline looks at no more
-- than may have changed. Written by `room-state` with the room; forgotten after some months.
create table room_refolds (
    room     text        not null,
    -- The room's version that came of it.
    version  bigint      not null,
    -- What stands before this is as it was.
    since    timestamptz not null,
    noted_at timestamptz not null,
    primary key (room, version)
);

-- What `performance` has counted. It writes these tables alone; all of them can be derived again.

-- What every row depends on besides its room, as it was taken in last.
create table performance_inputs (
    singleton     boolean     primary key default true check (singleton),
    rules_version bigint      not null,
    -- [{"since", "live", "noted_at"}]
    golive        jsonb       not null,
    -- [{"source", "account", "since", "until"}]
    gaps          jsonb       not null,
    -- When the versions of all rooms were compared last.
    scanned_at    timestamptz not null
);

-- How far each room was taken in.
create table performance_rooms (
    room        text   primary key,
    version     bigint not null,
    -- The time of the last entry folded by then; null: there was none.
    folded_at   timestamptz,
    -- What the standing of all its waits depends on, as it was then.
    topic       text   not null,
    presence    jsonb  not null,
    pinned      jsonb,
    -- What stands after this has to be looked at again, whatever its version. Null: nothing has.
    stale_since timestamptz
);
create index performance_rooms_stale on performance_rooms (room) where stale_since is not null;

-- How each live wait counts: domain::performance::Assessment.
create table performance_waits (
    wait       text        primary key,
    room       text        not null,
    kind       text        not null,
    -- excluded, history, rehearsal, unverified, counted.
    standing   text        not null,
    day        date        not null,
    hour       smallint    not null,
    owner      text,
    -- pre_sales, after_sales, other; null: the owner was not in the roster.
    team       text,
    stage      text        not null,
    opened_at  timestamptz not null,
    closed_at  timestamptz,
    -- As waits.state; open while closed_at is null.
    ending     text        not null,
    -- Who replied, cancelled or confirmed, as shown to people; and in which role who replied.
    ended_by   text,
    ended_role text,
    holding    boolean     not null,
    -- By when what was promised was to be kept, where that was plainly said.
    due_at     timestamptz,
    -- Working time in milliseconds.
    time_ms    bigint,
    check ((closed_at is null) = (time_ms is null))
);
create index performance_waits_closed on performance_waits (room, closed_at);
create index performance_waits_ended on performance_waits (closed_at);
create index performance_waits_day on performance_waits (day, room);
create index performance_waits_open on performance_waits (day) where closed_at is null;

-- Of a room's waits of one day, by owner, team and stage, what domain::figures::Tally holds of those that have ended. Arrays are
-- working times in milliseconds, rising.
create table performance_days (
    day            date     not null,
    room           text     not null,
    -- Empty: nobody owned it.
    owner          text     not null,
    -- The owner's when they were asked, which may change within a day. Empty: they were not in the roster.
    team           text     not null,
    stage          text     not null,
    replies        bigint[] not null,
    cancelled      bigint[] not null,
    confirmed      integer  not null,
    withdrawn      integer  not null,
    unobserved     integer  not null,
    held           integer  not null,
    soft           integer  not null,
    promises_kept  bigint[] not null,
    promises_late  integer  not null,
    promises_ended integer  not null,
    excluded       integer  not null,
    history        integer  not null,
    rehearsal      integer  not null,
    unverified     integer  not null,
    -- How many asked in each hour of the day: 24 numbers, of the open ones too.
    hours          integer[] not null,
    primary key (day, room, owner, team, stage)
);
create index performance_days_room on performance_days (room, day);
create index performance_days_owner on performance_days (owner, day);

-- The same of the replies that each member of staff gave, whoever owned the room.
create table performance_replies (
    day     date     not null,
    room    text     not null,
    person  text     not null,
    replies bigint[] not null,
    primary key (day, room, person)
);
create index performance_replies_person on performance_replies (person, day);

-- How many messages there were.
create table performance_messages (
    day      date    not null,
    room     text    not null,
    -- pre_sales, after_sales, other_staff, customer.
    role     text    not null,
    -- Of staff the roster label, or else the display name; empty for customers.
    person   text    not null,
    messages integer not null,
    primary key (day, room, role, person)
);
create index performance_messages_room on performance_messages (room, day);

-- Cards with figures.
alter table notifications drop constraint notifications_subject_kind_check;
alter table notifications add constraint notifications_subject_kind_check
    check (subject_kind in ('wait', 'departure', 'unanswered', 'digest', 'follow_ups', 'opening', 'approvals', 'figures',
                            'alarm'));

grant select, insert, update, delete on room_refolds to room_state;
grant select on room_refolds to performance, reader;
grant select on rules, golive, capture_gaps, rooms, timeline, waits to performance;
grant select, insert, update, delete on performance_inputs, performance_rooms, performance_waits, performance_days,
    performance_replies, performance_messages to performance;
grant select on performance_inputs, performance_rooms, performance_waits, performance_days, performance_replies,
    performance_messages to feishu_alerter, reader;
