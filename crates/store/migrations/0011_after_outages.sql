-- What delivery and the watchdog have to know besides, to be right after outages. Written by `feishu-alerter` alone.

-- A room that could not be taken in is left alone until then, so that it stops no other; null: it could.
alter table alert_rooms add column retry_at timestamptz;

alter table alert_cards
    -- Since when every attempt has failed for a reason that lies neither in the card nor in its chat; null: none has.
    add column failing_since timestamptz,
    -- When it was parked or found dead; null: it was not, or by an earlier release.
    add column set_aside_at  timestamptz,
    -- Who pressed first that the wait was answered unseen; `pressed_by` is who pressed that it needs no reply.
    add column confirmed_by  text;
create index alert_cards_set_aside_at on alert_cards (coalesce(set_aside_at, last_attempt_at))
    where state in ('parked', 'dead');

-- Who was asked by a card that never went out was not asked.
drop index alert_cards_asks;
create unique index alert_cards_asks on alert_cards (room, ask_day)
    where ask_day is not null and state not in ('rehearsed', 'obsolete', 'superseded', 'skipped', 'dead');
