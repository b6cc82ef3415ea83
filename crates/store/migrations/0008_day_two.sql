-- Figures that were counted stay, and text goes when it is old.

-- Until when, and by which versions, the room's past keeps being judged although rules that were put in force later
-- reach back before it, as JSON of domain::rules::KeptRules: its closed waits have been counted. Null: nothing is kept.
alter table rooms add column rules_kept jsonb;
-- Every text of the timeline before this is blanked, and one that comes late is not stored.
alter table rooms add column text_blanked_to timestamptz;

-- When the oldest of the lines was said that the frozen card shows; null: it shows none, or an earlier release froze it.
alter table alert_cards add column texts_since timestamptz;
-- Frozen cards with the words they show; `{}`: blanked. Only what is not blanked yet is looked for.
create index alert_cards_texts on alert_cards (coalesce(texts_since, created_at))
    where payload is not null and payload <> '{}';
