//! What a refresh takes: so many customers have begun to wait at the same moment, and the minutes of all of them change.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use store::sqlx;

use super::plan::Said;
use super::world::{Setting, World};
use crate::peak_memory_mb;

const ROOMS: [usize; 3] = [100, 1_000, 10_000];
/// Ten o'clock on a Tuesday morning in China.
const BEGIN: i64 = 1_788_228_000;
const RATE: u32 = 10;
/// Minutes are written at ten, twenty and thirty minutes: this is the refresh that is measured.
const REFRESHED_AT: TimeDelta = TimeDelta::minutes(20);
/// From a little before it until everything stands again, which has to be before minutes are written the next time.
const BEFORE: TimeDelta = TimeDelta::seconds(5);
const AFTER: TimeDelta = TimeDelta::minutes(9);
/// Of a row's call, one in ten is for reading it back.
const MOST_CALLS_PER_BATCH: f64 = 1.1;
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub async fn run() -> Result<()> {
    let mut measured = Vec::new();
    for rooms in ROOMS {
        eprintln!("· {rooms} rooms");
        measured.push(measure(rooms).await?);
    }
    println!("{:#}", json!(measured));
    for of in &measured {
        let (calls, most) = (of["calls"].as_f64(), of["most_calls"].as_f64());
        ensure!(
            calls <= most,
            "a refresh of {} rows took {calls:?} calls, expected at most {most:?}",
            of["rooms"]
        );
    }
    Ok(())
}

async fn measure(rooms: usize) -> Result<Value> {
    let begin = DateTime::from_timestamp(BEGIN, 0).unwrap_or_default();
    let setting = Setting { begin, rate: RATE, calls_per_month: 0, calls_per_second: 50 };
    let world = World::start(&setting).await?;
    let measured = refresh(&world, rooms, begin).await;
    world.stop(measured.is_ok()).await?;
    measured
}

async fn refresh(world: &World, rooms: usize, begin: DateTime<Utc>) -> Result<Value> {
    // The machine is measured, not the pause that a plan asks for.
    world.control("settings", &json!({ "rate_limit": 0 })).await?;
    for service in world.services.iter().filter(|service| service.name != "vika-reconcile") {
        service.start()?;
    }
    let asks = |room| Said { at: begin, room, ours: false, text: "机器什么时候修好？" };
    let said: Vec<Said> = (0..rooms).map(asks).collect();
    let started = Instant::now();
    world.publish(&said).await?;
    until_written(world, rooms, begin + REFRESHED_AT - BEFORE).await?;
    let filled = started.elapsed();
    world.until(begin + REFRESHED_AT - BEFORE).await;
    let before = spent(world).await?;
    until_refreshed(world, rooms, begin).await?;
    let after = spent(world).await?;
    let calls = |purposes: &[&str]| -> i64 {
        let of = |spent: &BTreeMap<String, i64>| purposes.iter().filter_map(|p| spent.get(*p)).sum::<i64>();
        of(&after) - of(&before)
    };
    let sync = world.services.iter().find(|service| service.name == "vika-sync").context("vika-sync")?;
    #[expect(clippy::cast_precision_loss, reason = "rooms are few")]
    let most_calls = rooms.div_ceil(::vika::MAX_RECORDS) as f64 * MOST_CALLS_PER_BATCH;
    Ok(json!({
        "rooms": rooms,
        "calls": calls(&["rows", "read_back"]),
        "most_calls": most_calls,
        "of_upkeep": calls(&["columns", "listing"]),
        "filled_within_s": filled.as_secs(),
        "peak_memory_mb": peak_memory_mb(sync.pid().context("it runs")?)?,
    }))
}

/// Waits until every room has its row in both sheets.
async fn until_written(world: &World, rooms: usize, before: DateTime<Utc>) -> Result<()> {
    loop {
        ensure!(world.clock.now() < before, "{rooms} rows were not made in time");
        let made: i64 = sqlx::query_scalar(
            "select count(*) from vika_sync_rows where record is not null and audited_at is not null",
        )
        .fetch_one(&world.admin)
        .await?;
        if usize::try_from(made)? == 2 * rooms {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until every row of 今日群聊 shows twenty minutes and was read back.
async fn until_refreshed(world: &World, rooms: usize, begin: DateTime<Utc>) -> Result<()> {
    loop {
        let shown: i64 = sqlx::query_scalar(
            "select count(*) from vika_sync_rows where sheet = $1 and due_at = $2 and audited_at is not null",
        )
        .bind(world.today.as_str())
        .bind(begin + TimeDelta::minutes(30))
        .fetch_one(&world.admin)
        .await?;
        if usize::try_from(shown)? == rooms {
            // The last calls are entered into the ledger by the next round.
            tokio::time::sleep(Duration::from_secs(1)).await;
            return Ok(());
        }
        let late = world.clock.now() > begin + REFRESHED_AT + AFTER;
        ensure!(!late, "{shown} of {rooms} rows show twenty minutes");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn spent(world: &World) -> Result<BTreeMap<String, i64>> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("select purpose, sum(calls)::bigint from vika_sync_daily_calls group by purpose")
            .fetch_all(&world.admin)
            .await?;
    Ok(rows.into_iter().collect())
}
