-- The truth about rooms. Written by `room-state` alone.
create table rooms (
    room              text primary key,
    source            text        not null,
    topic             text        not null default '',
    topic_at          timestamptz,
    -- The fold up to the last entry, as JSON of domain::fold::FoldState. Null until the first entry. This and the lines are
    -- written with every batch: as text, which Postgres does not take apart.
    state             text,
    -- The last lines said, newest last: [{"name","role","text","at"}]. Personal data: blanked by retention.
    last_lines        text        not null default '[]',
    last_entry        text,
    last_active_at    timestamptz,
    -- How many captures repeated a key with other content.
    conflicts         bigint      not null default 0,
    -- The rules that `state` was folded with.
    rules_version     bigint      not null default 0,
    -- Until when, and by which versions, the past is judged although rules that were put in force later reach back
    -- before it, as JSON of domain::rules::PinnedRules: its closed waits have been counted. Null: nothing is pinned.
    rules_pinned      jsonb,
    -- Since when the rules exclude the room; null: they do not. And since when they do not any more; null: they never did.
    excluded_since    timestamptz,
    included_since    timestamptz,
    -- Every text of the timeline before this is blanked, and one that comes late is not stored.
    text_blanked_to   timestamptz,
    -- The row is the outbox: whoever mirrors a room compares versions.
    version           bigint      not null default 0,
    created_at        timestamptz not null,
    updated_at        timestamptz not null
) with (fillfactor = 60); -- updated with every batch: leave room for updates in place

-- Every fact about a room. The position is (pos_at, pos_order, pos_seq, pos_entry, pos_after), as
-- domain::timeline::Position: `pos_order` is the source's own order between messages of one sent time, `pos_seq` the place
-- in the order of capture.
create table timeline (
    -- A message's id stands in one room alone.
    entry         text primary key,
    room          text        not null,
    pos_at        timestamptz not null,
    pos_order     bigint      not null default 0,
    pos_seq       bigint      not null,
    pos_entry     text        not null,
    pos_after     text        not null default '',
    -- message, recall, cancel, cancel_undone, assigned, facts, account_left.
    kind          text        not null,
    received_at   timestamptz not null,
    -- What its source said of the time where the message stands elsewhere: see domain::timeline::capture.
    stamped_at    timestamptz,
    stamped_order bigint,
    -- A message: the key of who said it, whether that is our own account, of what kind it is, what was said, and whether it
    -- was imported.
    sender        text,
    is_self       boolean     not null default false,
    message       text,
    body          text,
    history       boolean     not null default false,
    -- Where the recall that takes this message back stands, as JSON of domain::timeline::Position.
    recalled      jsonb,
    -- A recall, or an undone cancel: what it takes back.
    target        text,
    undone        boolean     not null default false,
    -- Everything else, as JSON by kind: store::rooms::timeline::fact.
    fact          text
);
create index timeline_order on timeline (room, pos_at, pos_order, pos_seq, pos_entry, pos_after);
create index timeline_targets on timeline (target) where target is not null;

-- Entries that were taken back before they came, so that whoever stores entries need not look for that in the timeline.
create table timeline_awaited (
    entry text primary key
);

create table waits (
    wait             text primary key,
    room             text        not null,
    opened_at        timestamptz not null,
    opened_order     bigint      not null default 0,
    opened_seq       bigint      not null,
    customer         text        not null,
    customer_name    text        not null,
    -- What is waited for: request, soft (a mere assent to a question of staff), or promise (of an answer, by staff). domain::wait::WaitKind.
    kind             text        not null,
    verdict          jsonb       not null,
    owner            text,
    stage            text        not null,
    -- These two are as they were when the row was written: of an open wait the room's state knows better.
    messages         integer     not null,
    last_customer_at timestamptz not null,
    alarm_since      timestamptz,
    -- open, answered, cancelled, confirmed, became_request, withdrawn, unobserved; void: its opening asks for nothing any more.
    state            text        not null,
    closed_at        timestamptz,
    -- domain::wait::Outcome as JSON.
    outcome          jsonb,
    -- The wait that its opening lies in since a re-fold. A row is never deleted.
    replaced_by      text,
    -- The wholly quiet fold state just before the opening, as JSON of domain::fold::FoldState: where a re-fold can start.
    -- Empty where another wait was open, so that the state was not quiet. Null only in a proposed row of an
    -- upsert that keeps what stands there.
    before           text,
    -- When an import or rules with a past `valid_from` last made the wait, opened it again or moved it to another stage:
    -- cards that would have been due before are not sent.
    rejudged_at      timestamptz,
    -- The span in which it opened, as W3C traceparent; null: no message of a trace opened it.
    trace            text,
    updated_at       timestamptz not null
) with (fillfactor = 80); -- written when it opens and again when it closes
create index waits_room on waits (room, opened_at, opened_order, opened_seq, wait);
create index waits_open on waits (room) where state = 'open' and replaced_by is null;
create index waits_closed on waits (closed_at) where closed_at is not null;

-- What was asked of us and what became of it.
create table commands (
    command    text primary key,
    room       text        not null,
    kind       text        not null,
    at         timestamptz not null,
    by_name    text        not null,
    via        text        not null,
    wish       jsonb       not null,
    -- applied, unchanged or refused.
    decision   text        not null,
    -- What people read about it.
    message    text        not null,
    decided_at timestamptz not null
);
create index commands_room on commands (room, decided_at);
-- `vika-sync` asks often for decisions that are new to it.
create index commands_decided on commands (decided_at);

-- How far the fold has come, so that nobody acts on stale truth.
create table fold_progress (
    consumer     text primary key,
    stream_seq   bigint      not null,
    pending      bigint      not null,
    -- The last moment at which nothing was left to fold.
    caught_up_at timestamptz not null,
    checked_at   timestamptz not null
);

grant select, insert, update on rooms, timeline, waits, commands, fold_progress to room_state;
grant select, insert, delete on timeline_awaited to room_state;
-- Only to let the capture with the lower sequence take the place of one that contradicts it.
grant delete on timeline to room_state;
grant select on rooms, waits, commands to vika_sync;
grant select on rooms to vika_reconcile;
grant select on rooms, waits, commands, fold_progress to feishu_alerter;
grant select on rooms, timeline, timeline_awaited, waits, commands, fold_progress to reader;
