-- Which rooms a gap concerns: those of its source that its account is in. Only gateways have gaps so far, and all of
-- them are of this source; an account that is not known may have been any. The names are no gateway's columns: the
-- previous release joins both tables and says just `source`.
alter table capture_gaps
    add column of_source  text not null default 'wechaty',
    add column of_account text;
update capture_gaps
set of_source = gateways.source, of_account = gateways.account
from gateways
where gateways.gateway = capture_gaps.gateway;

-- The newest gap that a room's cards were compared with: a new one makes waits uncertain whose rooms did not change.
alter table alert_rooms add column gap bigint not null default 0;

-- What a card is about: a wait, or that our account left the room (`wait` is then the entry that says so).
alter table alert_cards
    add column about text not null default 'wait' check (about in ('wait', 'departure'));
