-- Placeholder: filled by the alerter.
select 1;
