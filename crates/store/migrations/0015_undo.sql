-- How often a press of 不用回复 on this card was taken back: each time the button asks for another command.
alter table alert_cards add column undone integer not null default 0;

-- Closed cards whose press can still be taken back: looked for every second, to take their button away.
create index alert_cards_undo on alert_cards (id) where wanted -> 'undo_until' is not null;
