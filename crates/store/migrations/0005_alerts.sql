-- What the alerter knows and has done. Written by `feishu-alerter` alone, but for `availability`.

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
    -- What is wrong, as JSON of the watchdog's AlarmKind, and when that last changed.
    kind           jsonb       not null,
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

-- Notifications: the outbox of all channels. A row is committed before a channel is called, and never deleted.
create table notifications (
    id                bigint generated always as identity primary key,
    -- Its identity: what it is about, which step of that, and whom it reaches where. `subject` is the wait that it was made
    -- for; the entry that says that our account left; `watch:KEY@RAISED` of an alarm; the name of a list; `digest:PERSON`.
    -- `step` is the rung by its threshold in working seconds or `owner-DATE`; `left`; the seconds after which an alarm was
    -- repeated; the day of a list; the moment of a digest, or of a list after a ladder, in milliseconds.
    subject_kind      text        not null check (subject_kind in ('wait', 'departure', 'unanswered', 'digest', 'follow_ups',
                                                                   'opening', 'approvals', 'alarm')),
    subject           text        not null,
    step              text        not null,
    channel           text        not null,
    -- As the channel names it: a chat of Feishu. Empty: it reaches nobody.
    address           text        not null,
    -- It is of a rung of a wait's ladder, and not only there to ask for an owner.
    of_a_rung         boolean     not null generated always as (subject_kind = 'wait' and step ~ '^[0-9]+$') stored,
    -- The watchdog's alarm that it tells of.
    alarm             bigint references alert_watch_alarms (id),
    -- Null: it is about no room.
    room              text,
    -- The wait whose state it shows: `subject`, or the one that took its place in a re-fold. Otherwise `subject`.
    follows           text        not null,
    -- The local day for which it asks to assign an owner; null: it does not ask.
    ask_day           date,
    threshold_seconds bigint      not null,
    severity          text        not null,
    due_at            timestamptz not null,
    created_at        timestamptz not null,
    -- rehearsed: would have been sent, before go-live. skipped: its time had passed before it could be due. parked: nobody
    -- knows whether it was sent, and it must not be sent again. failed: the address does not take it. held: its reader is
    -- left alone until `held_until`, or nobody works until then; then it is pending again. digested: it is told by `digest`.
    -- listed: it was held until an opening, whose list tells of its wait.
    state             text        not null check (state in ('pending', 'sending', 'sent', 'parked', 'failed', 'superseded',
                                                            'obsolete', 'rehearsed', 'skipped', 'held', 'digested', 'listed')),
    -- When it is no longer held; it stays when that is over.
    held_until        timestamptz,
    -- For what: somebody sees to the wait or its reader put it off; its reader is in focus or told of too much at once, and
    -- may be told with others afterwards; nobody works before the opening.
    held_for          text check (held_for in ('reader', 'digest', 'opening')),
    -- The id of the digest that tells its wait with others. No reference: a backup brings rows back in the order of ids.
    digest            bigint,
    -- The id of the list of an opening that tells of its wait in its place; likewise.
    listed_on         bigint,
    -- Why it was skipped, as domain::ladder::SkipReason.
    skipped_because   text,
    form              text        not null default 'full',
    generation        integer     not null default 0,
    -- What makes a second attempt the same message to its channel. Of one generation; null until frozen.
    delivery_key      text,
    -- What is sent, frozen before the first attempt. Personal data: blanked by retention.
    payload           jsonb,
    -- When the oldest of the lines was said that the frozen payload shows; null: it shows none.
    texts_since       timestamptz,
    -- The room's last entry when it was frozen or last changed: what its reader has seen.
    seen_up_to        text,
    -- An attempt was made whose outcome nobody knows: it may stand in the chat.
    unconfirmed       boolean     not null default false,
    attempts          integer     not null default 0,
    -- Since when it is unconfirmed: the window in which the channel sends nothing twice counts from here.
    first_attempt_at  timestamptz,
    last_attempt_at   timestamptz,
    next_attempt_at   timestamptz not null,
    -- Since when every attempt has failed for a reason that lies neither in it nor in its address; null: none has.
    failing_since     timestamptz,
    -- When it was parked or failed; null: it was not.
    undelivered_at    timestamptz,
    last_code         bigint,
    message_id        text,
    sent_at           timestamptz,
    -- The id of the trace in which its wait opened; null: no trace is known.
    trace_id          text,
    -- What it should show and what it shows, as JSON of the alerter's card state.
    wanted            jsonb       not null,
    shown             jsonb,
    -- The channel still takes changes of it.
    changeable        boolean     not null default true,
    change_attempts   integer     not null default 0,
    next_change_at    timestamptz not null,
    -- An urgent push (加急) to its readers: wanted, done, or refused.
    urgent            text check (urgent in ('wanted', 'done', 'refused')),
    urgent_attempts   integer     not null default 0,
    next_urgent_at    timestamptz,
    unique (subject_kind, subject, step, channel, address)
);
-- Who was asked by a card that never went out was not asked.
create unique index notifications_asks on notifications (room, ask_day)
    where ask_day is not null and state not in ('rehearsed', 'obsolete', 'superseded', 'skipped', 'failed');
create unique index notifications_delivery_key on notifications (channel, delivery_key) where delivery_key is not null;
create index notifications_queue on notifications (channel, address, id) where state in ('pending', 'sending');
create index notifications_changes on notifications (channel, address, id)
    where state = 'sent' and changeable and wanted is distinct from shown;
create index notifications_held on notifications (held_until) where state = 'held';
create index notifications_digest on notifications (digest) where digest is not null;
create index notifications_digests on notifications (channel, address, due_at desc, id desc)
    where subject_kind = 'digest';
create index notifications_digest_waits on notifications using gin ((wanted -> 'waits')) where subject_kind = 'digest';
create index notifications_digested on notifications (room) where digest is not null;
create index notifications_listed on notifications (listed_on) where listed_on is not null;
create index notifications_at on notifications (channel, address, created_at) where of_a_rung;
create index notifications_follows on notifications (follows);
create index notifications_room on notifications (room, created_at);
create index notifications_undelivered on notifications (state) where state in ('parked', 'failed');
create index notifications_undelivered_at on notifications (coalesce(undelivered_at, last_attempt_at))
    where state in ('parked', 'failed');
create index notifications_alarm on notifications (alarm, id) where alarm is not null;
create index notifications_tried on notifications (last_attempt_at) where last_attempt_at is not null;
create index notifications_made on notifications (created_at);
create index notifications_urgent on notifications (channel, address, id) where urgent = 'wanted';
-- Closed cards whose action can still be taken back: looked for every second, to take their button away.
create index notifications_undo on notifications (id) where wanted -> 'undo_until' is not null;
-- Frozen payloads with the words they show; `{}`: blanked. Only what is not blanked yet is looked for.
create index notifications_texts on notifications (coalesce(texts_since, created_at))
    where payload is not null and payload <> '{}';

-- What people did with the buttons of a notification. Whoever was first with one is the one who did it.
create table notification_actions (
    notification bigint      not null references notifications (id),
    -- As the button carries it.
    action       text        not null,
    -- How often what it says had been taken back before: what is said again is another action.
    round        integer     not null,
    by           text        not null,
    at           timestamptz not null,
    -- Until when it holds; null: it is done with.
    until        timestamptz,
    -- Whom it is about, by roster label: the owner who was handed the room, or the one whose reminders a claim holds back.
    about        text,
    primary key (notification, action, round)
);

-- Who is not to be disturbed, and who is away: what people asked for. Appended to by `feishu-alerter` for buttons and by
-- `huiyin focus` and `huiyin away`; never changed. Of each person and kind the last row counts, until it ends.
create table availability (
    id     bigint generated always as identity primary key,
    -- By roster label.
    person text        not null,
    kind   text        not null check (kind in ('focus', 'absence')),
    -- Who gets their private cards meanwhile, by roster label.
    deputy text,
    -- Who asked, as shown to people.
    by     text        not null,
    at     timestamptz not null,
    until  timestamptz not null,
    check (deputy is null or kind = 'absence')
);
create index availability_last on availability (person, kind, id);
create index availability_until on availability (until);

-- Rooms in which nobody had said anything for so many working days, and on whose list that was told. Never deleted.
create table alert_follow_ups (
    room         text        not null,
    -- When somebody last said something.
    silent_since timestamptz not null,
    working_days integer     not null,
    list         bigint      not null references notifications (id),
    -- Who said that this silence is to be told no more, and when; null: nobody did.
    stopped_by   text,
    stopped_at   timestamptz,
    primary key (room, silent_since, working_days)
);
create index alert_follow_ups_list on alert_follow_ups (list);

-- Which waits stand on the list of which opening (开工汇总). Never deleted.
create table alert_opening_waits (
    list bigint not null references notifications (id),
    -- As it was when the list was made: another may have taken its place.
    wait text   not null,
    room text   not null,
    primary key (list, wait)
);
create index alert_opening_waits_room on alert_opening_waits (room);

-- Which replica works on which address.
create table alert_claims (
    channel text        not null,
    address text        not null,
    holder  text        not null,
    until   timestamptz not null,
    primary key (channel, address)
);

-- Callbacks taken, each once.
create table alert_events (
    event text primary key,
    at    timestamptz not null
);
create index alert_events_at on alert_events (at);

grant select, insert on availability to feishu_alerter, operator;
grant select on availability to reader;
grant select, insert, update, delete on alert_rooms, alert_schedule, notifications, notification_actions, alert_claims,
    alert_events, alert_follow_ups, alert_opening_waits, alert_watch_alarms, alert_watch_letters to feishu_alerter;
grant select on alert_rooms, alert_schedule, notifications, notification_actions, alert_claims, alert_events,
    alert_follow_ups, alert_opening_waits, alert_watch_alarms, alert_watch_letters to reader;
