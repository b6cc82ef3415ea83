-- What is wrong with Huiyin itself. Written by `feishu-alerter` alone.

-- One row for each stretch of time in which something was wrong. Never deleted.
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

-- A card of the watchdog follows an alarm instead of a wait.
alter table alert_cards
    add column alarm          bigint references alert_watch_alarms (id),
    -- Its readers are to be pressed (加急): wanted, done, or refused.
    add column press          text check (press in ('wanted', 'done', 'refused')),
    add column press_attempts integer not null default 0,
    add column next_press_at  timestamptz;
create index alert_cards_alarm on alert_cards (alarm, id) where alarm is not null;
create index alert_cards_tried on alert_cards (last_attempt_at) where last_attempt_at is not null;
create index alert_cards_presses on alert_cards (chat, id) where press = 'wanted';

grant select, insert, update, delete on alert_watch_alarms, alert_watch_letters to feishu_alerter;
grant select on alert_watch_alarms, alert_watch_letters to reader;
