//! A year of 1,000 rooms: how long each page takes.

use std::time::Duration;

use anyhow::{Result, ensure};
use store::sqlx;
use tokio::time::Instant;

use crate::support::{MANAGER, World};

/// What a page may take.
const WITHIN: Duration = Duration::from_millis(200);
/// Each page is asked for so often; the middle one counts.
const TIMES: usize = 5;
const ROOMS: i32 = 1_000;
const DAYS: i32 = 365;

/// Rooms that are taken in as they are, so that the service leaves them alone.
const TAKEN_IN: &str = "
    insert into performance_rooms (room, version, topic, presence, derivation)
    select 'webhook:s-' || r, 0, '', '{}', 99 from generate_series(1, $1) r
";

const YEAR: &str = "
    insert into rooms (room, source, topic, created_at, updated_at)
    select 'webhook:s-' || r, 'webhook', '示例客户' || r || '-服务群', $1, $1 from generate_series(1, $2) r
";

/// Waits of every working day in every room, of 30 owners.
const WAITS: &str = "
    insert into performance_waits (wait, room, kind, standing, day, hour, owner, team, stage, opened_at, closed_at, ending,
                                   ended_by, ended_role, holding, time_ms)
    select 'webhook:s-' || r || '/' || d || '/' || n, 'webhook:s-' || r, 'request', 'counted', day,
           9 + (r + d + n) % 9, '销售' || (r % 30), case when r % 3 = 0 then 'after_sales' else 'pre_sales' end,
           case when r % 3 = 0 then 'after-sales' else 'pre-sales' end, at, at + make_interval(secs => took), 'answered',
           '销售' || ((r + n) % 30), 'pre_sales', false, took * 1000
    from generate_series(1, $2) r, generate_series(1, $3) d, generate_series(1, 3) n,
         lateral (select $1::date - d as day, ($1::date - d)::timestamptz + make_interval(hours => 1 + (r + d + n) % 9) as at,
                         (20 + (r * 7919 + d * 104729 + n * 1299709) % 4000)::bigint as took) made
    where extract(isodow from $1::date - d) < 6
";

const OPEN: &str = "
    insert into performance_waits (wait, room, kind, standing, day, hour, owner, team, stage, opened_at, ending, holding)
    select 'webhook:s-' || r || '/open', 'webhook:s-' || r, 'request', 'counted', $1::date, 9, '销售' || (r % 30), 'pre_sales',
           'pre-sales', $2::timestamptz - make_interval(mins => r % 90), 'open', false
    from generate_series(1, 200) r
";

const DERIVED: &str = "
    insert into performance_days (day, room, owner, stage, team, replies, cancelled, confirmed, withdrawn, unobserved, held,
                                  soft, promises_kept, promises_late, promises_ended, excluded, history, rehearsal, unverified,
                                  hours)
    select day, room, owner, stage, max(team), array_agg(time_ms order by time_ms), '{}', 0, 0, 0, 0, 0, '{}', 0, 0, 0, 0, 0, 0,
           (select array_agg((select count(*) from unnest(array_agg(w.hour)) h where h = n)::int order by n)
            from generate_series(0, 23) n)
    from performance_waits w where closed_at is not null group by day, room, owner, stage;
    insert into performance_replies (day, room, person, replies)
    select day, room, ended_by, array_agg(time_ms order by time_ms)
    from performance_waits where closed_at is not null group by day, room, ended_by;
    insert into performance_messages (day, room, role, person, messages)
    select day, room, 'pre_sales', owner, 9 from performance_days
    union all select day, room, 'customer', '', 12 from performance_days
    union all select day, room, 'after_sales', owner || '的同事', 3 from performance_days;
    insert into performance_silences (room, since, working_days, day, owner, team, stage)
    select room, day - 10, 7, day, owner, team, stage from performance_days where extract(doy from day) % 17 = 0;
";

async fn year(world: &World) -> Result<()> {
    let (db, today, now) = (&world.stack.admin, world.today(), world.stack.clock.now());
    sqlx::query(TAKEN_IN).bind(ROOMS).execute(db).await?;
    sqlx::query(YEAR).bind(now).bind(ROOMS).execute(db).await?;
    sqlx::query(WAITS).bind(today).bind(ROOMS).bind(DAYS).execute(db).await?;
    sqlx::query(OPEN).bind(today).bind(now).execute(db).await?;
    sqlx::raw_sql(DERIVED).execute(db).await?;
    sqlx::raw_sql("vacuum analyze").execute(db).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "makes a year of data: minutes; to be run with --release"]
async fn pages_of_a_year_of_a_thousand_rooms_take_less_than_200_ms() -> Result<()> {
    let world = World::start().await?;
    year(&world).await?;
    let manager = world.visitor(MANAGER).await?;
    let last = world.last_monday();
    let mut slow = Vec::new();
    for path in [
        "/".to_owned(),
        "/today".to_owned(),
        format!("/people?day={last}"),
        format!("/people?period=month&day={last}"),
        format!("/people/销售7?period=month&day={last}"),
        format!("/rooms?day={last}"),
        format!("/rooms?period=month&day={last}"),
        format!("/rooms/webhook:s-7?period=month&day={last}"),
        format!("/stages?period=month&day={last}"),
        format!("/silences?period=month&day={last}"),
        format!("/waits?day={last}"),
        format!("/waits?period=month&day={last}"),
        format!("/waits?period=month&day={last}&person=销售7&state=answered&within=600"),
        format!("/waits?period=month&day={last}&weekday=3&hour=11"),
        "/waits/webhook:s-7%2F5%2F1".to_owned(),
    ] {
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let begun = Instant::now();
            manager.page(&path).await?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        let (middle, slowest) = (times[TIMES / 2], times[TIMES - 1]);
        println!("{middle:>10.1?} (slowest {slowest:.1?})  {path}");
        if middle > WITHIN {
            slow.push(path);
        }
    }
    ensure!(slow.is_empty(), "too slow: {slow:?}");
    world.stop().await
}
