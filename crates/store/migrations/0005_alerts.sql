-- What the alerter knows and has done. Written by `feishu-alerter` alone.

-- How far it has taken each room in.
create table alert_rooms (
    room    text primary key,
    version bigint not null
);

-- Open waits, and when the next card of each is due. A row goes when its wait ends.
create table alert_schedule (
    wait          text primary key,
    room          text   not null,
    -- The rules whose ladder was used.
    rules_version bigint not null,
    -- Null: never again, as things stand.
    next_due_at   timestamptz
);
create index alert_schedule_due on alert_schedule (next_due_at) where next_due_at is not null;
create index alert_schedule_room on alert_schedule (room);

-- Cards: the outbox. A row is committed before Feishu is called, and never deleted.
create table alert_cards (
    id                bigint generated always as identity primary key,
    -- Its identity: the wait it was made for, the rung by its threshold in working seconds (or `owner-DATE`), the chat.
    wait              text        not null,
    rung              text        not null,
    chat              text        not null,
    room              text        not null,
    -- The wait whose fate it shows: `wait`, or the one that took its place in a re-fold.
    follows           text        not null,
    -- The local day for which it asks to assign an owner; null: it does not ask.
    ask_day           date,
    threshold_seconds bigint      not null,
    colour            text        not null,
    due_at            timestamptz not null,
    created_at        timestamptz not null,
    state             text        not null
        check (state in ('pending', 'sending', 'sent', 'parked', 'dead', 'superseded', 'obsolete')),
    form              text        not null default 'full',
    generation        integer     not null default 0,
    uuid              text,
    -- What is sent, frozen before the first attempt. Personal data: blanked by retention.
    payload           jsonb,
    -- The room's last entry when it was frozen: what its reader has seen.
    through           text,
    -- An attempt was made whose outcome nobody knows: it may stand in the chat.
    in_doubt          boolean     not null default false,
    attempts          integer     not null default 0,
    -- Since when it is in doubt: the window in which the same uuid sends nothing twice counts from here.
    first_attempt_at  timestamptz,
    last_attempt_at   timestamptz,
    next_attempt_at   timestamptz not null,
    last_code         bigint,
    message_id        text,
    sent_at           timestamptz,
    -- What it should show and what it shows, as JSON of the alerter's card state.
    wanted            jsonb       not null,
    shown             jsonb,
    -- Feishu still takes changes of it.
    changeable        boolean     not null default true,
    change_attempts   integer     not null default 0,
    next_change_at    timestamptz not null,
    -- Who pressed its button first.
    pressed_by        text,
    pressed_at        timestamptz,
    unique (wait, rung, chat)
);
create unique index alert_cards_asks on alert_cards (room, ask_day) where ask_day is not null;
create unique index alert_cards_uuid on alert_cards (uuid) where uuid is not null;
create index alert_cards_queue on alert_cards (chat, id) where state in ('pending', 'sending');
create index alert_cards_changes on alert_cards (chat, id)
    where state = 'sent' and changeable and wanted is distinct from shown;
create index alert_cards_follows on alert_cards (follows);
create index alert_cards_room on alert_cards (room, created_at);
create index alert_cards_set_aside on alert_cards (state) where state in ('parked', 'dead');

-- Which replica works on which chat.
create table alert_claims (
    chat   text primary key,
    holder text        not null,
    until  timestamptz not null
);

-- Callbacks taken, each once.
create table alert_events (
    event text primary key,
    at    timestamptz not null
);
create index alert_events_at on alert_events (at);

grant select, insert, update, delete on alert_rooms, alert_schedule, alert_cards, alert_claims, alert_events
    to feishu_alerter;
grant select on alert_rooms, alert_schedule, alert_cards, alert_claims, alert_events to reader;
