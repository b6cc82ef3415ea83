-- When the system goes live, and when back to rehearsal. Written by `huiyin golive` alone; a row is never changed.
create table golive (
    change   bigint generated always as identity primary key,
    -- From when it holds, never before `noted_at`; what a later row says takes the place of all that is still to come.
    since    timestamptz not null,
    live     boolean     not null,
    noted_at timestamptz not null,
    check (since >= noted_at)
);
grant select on golive to room_state, vika_sync, feishu_alerter, reader;
grant select, insert on golive to operator;

-- Since when the rules exclude the room; null: they do not. And since when they do not any more; null: they never did.
alter table rooms
    add column excluded_since timestamptz,
    add column included_since timestamptz;

-- When an import or rules with a past `valid_from` last made the wait, opened it again or moved it to another stage:
-- cards that would have been due before are not sent.
alter table waits add column judged_anew_at timestamptz;

-- rehearsed: would have been sent, before go-live. skipped: its time had passed before it could be due.
alter table alert_cards drop constraint alert_cards_state_check;
alter table alert_cards add constraint alert_cards_state_check check (state in
    ('pending', 'sending', 'sent', 'parked', 'dead', 'superseded', 'obsolete', 'rehearsed', 'skipped'));
-- Why it was skipped, as domain::ladder::Because.
alter table alert_cards add column skipped_because text;
-- Who was asked in a rehearsal was not asked.
drop index alert_cards_asks;
create unique index alert_cards_asks on alert_cards (room, ask_day)
    where ask_day is not null and state <> 'rehearsed';
create index alert_cards_made on alert_cards (created_at);

-- Whoever has sent cards up to now is live, and stays so.
insert into golive (since, live, noted_at)
select min(sent_at), true, min(sent_at) from alert_cards where sent_at is not null having min(sent_at) is not null;
