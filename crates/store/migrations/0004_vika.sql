-- Placeholder: filled by the Vika services.
select 1;
