-- Which rooms a gap concerns: those of its source that its account is in. Only gateways have gaps so far, and all of
-- them are of this source; an account that is not known may have been any.
alter table capture_gaps
    add column source  text not null default 'wechaty',
    add column account text;
update capture_gaps
set source = gateways.source, account = gateways.account
from gateways
where gateways.gateway = capture_gaps.gateway;

-- The newest gap that a room's cards were compared with: a new one makes waits uncertain whose rooms did not change.
alter table alert_rooms add column gap bigint not null default 0;

-- What a card is about: a wait, or that our account left the room (`wait` is then the entry that says so).
alter table alert_cards
    add column about text not null default 'wait' check (about in ('wait', 'departure'));
