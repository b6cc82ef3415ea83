-- Waits that no card is due for any more: what the list of every working morning is made of.
create index alert_schedule_ended on alert_schedule (room) where next_due_at is null;

-- Such a list is a card as well: `rung` is then its day, and it follows nothing.
alter table alert_cards drop constraint alert_cards_about_check;
alter table alert_cards add constraint alert_cards_about_check check (about in ('wait', 'departure', 'unanswered'));
