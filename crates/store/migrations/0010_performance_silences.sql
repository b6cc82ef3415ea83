-- The days on which a room reached a number of working days of silence: domain::performance::Silence. Days to come stand here
-- too, as they will be if nobody says anything: read those before today.
create table performance_silences (
    room         text    not null,
    -- The last day on which anybody said anything.
    since        date    not null,
    working_days integer not null,
    day          date    not null,
    -- Who owned the room on that day; empty: nobody.
    owner        text    not null,
    -- The owner's; empty: they were not in the roster.
    team         text    not null,
    stage        text    not null,
    primary key (room, since, working_days)
);
create index performance_silences_day on performance_silences (day);

-- What was derived of a room when it was taken in; less than is derived now: it has to be taken in anew. Whoever does not know
-- silences yet, as the release before, leaves 0.
alter table performance_rooms add column derivation smallint not null default 0;

grant select, insert, update, delete on performance_silences to performance;
grant select on performance_silences to feishu_alerter, reader;
