-- The source's own order between messages of one sent time, and what a source said of the time where a message stands
-- elsewhere: see domain::timeline::capture. `pos_seq` is the place in the order of capture.
alter table timeline add column pos_order bigint not null default 0;
alter table timeline add column stamped_at timestamptz;
alter table timeline add column stamped_order bigint;
drop index timeline_order;
create index timeline_order on timeline (room, pos_at, pos_order, pos_seq, pos_entry, pos_after);

alter table waits add column opened_order bigint not null default 0;
drop index waits_room;
create index waits_room on waits (room, opened_at, opened_order, opened_seq, wait);

-- A message id that was too long, or held what an id may not: what the gateway calls it.
alter table ingest_inbox add column wire_id text;

-- A fact that the bus can never take: why.
alter table ingest_outbox add column refused text;
