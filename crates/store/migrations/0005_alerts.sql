-- What the alerter knows and has done. Written by `feishu-alerter` alone.

-- How far it has taken each room in.
create table alert_rooms (
    room     text primary key,
    version  bigint not null,
    -- The newest gap that its cards were compared with: a new one makes waits uncertain whose rooms did not change.
    gap      bigint not null default 0,
    -- A room that could not be taken in is left alone until then, so that it stops no other; null: it could.
    retry_at timestamptz
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
-- Waits that no card is due for any more: what the list of every working morning is made of.
create index alert_schedule_ended on alert_schedule (room) where next_due_at is null;

-- What is wrong with Huiyin itself: one row for each stretch of time in which something was wrong. Never deleted.
create table alert_watch_alarms (
    id             bigint generated always as identity primary key,
    -- What is wrong with what: `silent:room-state`.
    key            text        not null,
    -- Since when it is wrong, as far as is known.
    since          timestamptz not null,
    -- When it was noticed.
    raised_at      timestamptz not null,
    -- What its card says, as JSON of the watchdog's trouble, and when that last changed.
    trouble        jsonb       not null,
    changed_at     timestamptz not null,
    -- Something that happened rather than lasts is not over before.
    lasts_until    timestamptz,
    over_at        timestamptz,
    -- When a further card is due, as long as it is not over.
    next_repeat_at timestamptz not null,
    -- When the fallback was told of it, and of its end.
    fallback_at      timestamptz,
    fallback_over_at timestamptz
);
create unique index alert_watch_alarms_open on alert_watch_alarms (key) where over_at is null;
create index alert_watch_alarms_over on alert_watch_alarms (key, over_at) where over_at is not null;

-- Dead letters that were heard of, each once.
create table alert_watch_letters (
    seq     bigint primary key,
    service text        not null,
    reason  text        not null,
    at      timestamptz not null
);
create index alert_watch_letters_at on alert_watch_letters (at);

-- Cards: the outbox. A row is committed before Feishu is called, and never deleted.
create table alert_cards (
    id                bigint generated always as identity primary key,
    -- What it is about: a wait, that our account left the room (`wait` is then the entry that says so), or the list of
    -- unanswered waits (`rung` is then its day, and it follows nothing).
    about             text        not null default 'wait' check (about in ('wait', 'departure', 'unanswered')),
    -- The watchdog's alarm that it tells of; null: it is about customers.
    alarm             bigint references alert_watch_alarms (id),
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
    -- rehearsed: would have been sent, before go-live. skipped: its time had passed before it could be due.
    state             text        not null check (state in ('pending', 'sending', 'sent', 'parked', 'dead', 'superseded',
                                                            'obsolete', 'rehearsed', 'skipped')),
    -- Why it was skipped, as domain::ladder::SkipReason.
    skipped_because   text,
    form              text        not null default 'full',
    generation        integer     not null default 0,
    uuid              text,
    -- What is sent, frozen before the first attempt. Personal data: blanked by retention.
    payload           jsonb,
    -- When the oldest of the lines was said that the frozen card shows; null: it shows none.
    texts_since       timestamptz,
    -- The room's last entry when it was frozen: what its reader has seen.
    through           text,
    -- An attempt was made whose outcome nobody knows: it may stand in the chat.
    in_doubt          boolean     not null default false,
    attempts          integer     not null default 0,
    -- Since when it is in doubt: the window in which the same uuid sends nothing twice counts from here.
    first_attempt_at  timestamptz,
    last_attempt_at   timestamptz,
    next_attempt_at   timestamptz not null,
    -- Since when every attempt has failed for a reason that lies neither in the card nor in its chat; null: none has.
    failing_since     timestamptz,
    -- When it was parked or found dead; null: it was not.
    set_aside_at      timestamptz,
    last_code         bigint,
    message_id        text,
    sent_at           timestamptz,
    -- The id of the trace in which its wait opened; null: no trace is known.
    trace_id          text,
    -- What it should show and what it shows, as JSON of the alerter's card state.
    wanted            jsonb       not null,
    shown             jsonb,
    -- Feishu still takes changes of it.
    changeable        boolean     not null default true,
    change_attempts   integer     not null default 0,
    next_change_at    timestamptz not null,
    -- Who pressed first that it needs no reply, and when; and who pressed that it was answered unseen.
    pressed_by        text,
    pressed_at        timestamptz,
    confirmed_by      text,
    -- How often a press of 不用回复 was taken back: each time the button asks for another command.
    undone            integer     not null default 0,
    -- Its readers are to be pressed (加急): wanted, done, or refused.
    press             text check (press in ('wanted', 'done', 'refused')),
    press_attempts    integer     not null default 0,
    next_press_at     timestamptz,
    unique (wait, rung, chat)
);
-- Who was asked by a card that never went out was not asked.
create unique index alert_cards_asks on alert_cards (room, ask_day)
    where ask_day is not null and state not in ('rehearsed', 'obsolete', 'superseded', 'skipped', 'dead');
create unique index alert_cards_uuid on alert_cards (uuid) where uuid is not null;
create index alert_cards_queue on alert_cards (chat, id) where state in ('pending', 'sending');
create index alert_cards_changes on alert_cards (chat, id)
    where state = 'sent' and changeable and wanted is distinct from shown;
create index alert_cards_follows on alert_cards (follows);
create index alert_cards_room on alert_cards (room, created_at);
create index alert_cards_set_aside on alert_cards (state) where state in ('parked', 'dead');
create index alert_cards_set_aside_at on alert_cards (coalesce(set_aside_at, last_attempt_at))
    where state in ('parked', 'dead');
create index alert_cards_alarm on alert_cards (alarm, id) where alarm is not null;
create index alert_cards_tried on alert_cards (last_attempt_at) where last_attempt_at is not null;
create index alert_cards_made on alert_cards (created_at);
create index alert_cards_presses on alert_cards (chat, id) where press = 'wanted';
-- Closed cards whose press can still be taken back: looked for every second, to take their button away.
create index alert_cards_undo on alert_cards (id) where wanted -> 'undo_until' is not null;
-- Frozen cards with the words they show; `{}`: blanked. Only what is not blanked yet is looked for.
create index alert_cards_texts on alert_cards (coalesce(texts_since, created_at))
    where payload is not null and payload <> '{}';

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

grant select, insert, update, delete on alert_rooms, alert_schedule, alert_cards, alert_claims, alert_events,
    alert_watch_alarms, alert_watch_letters to feishu_alerter;
grant select on alert_rooms, alert_schedule, alert_cards, alert_claims, alert_events, alert_watch_alarms,
    alert_watch_letters to reader;
