//! What quiet rooms cost: the CPU and the rows read by `room-state` while nothing is said.

use std::time::Duration;

use anyhow::{Context as _, Result};
use runtime::Shutdown;
use serde_json::{Value, json};
use store::role::Role;
use store::sqlx::{self, PgPool};

use crate::stack::BenchStack;
use crate::{fold, load};

/// Rooms that are folded; the others are copies of them.
const FOLDED: usize = 2_000;
/// After a start rooms are looked through for a minute: see `room_state::refold`.
const SETTLES: Duration = Duration::from_secs(75);
/// Clock ticks of a second in `/proc`, on every Linux.
const TICKS: f64 = 100.0;

pub async fn measure(stack: &BenchStack, rooms: usize, time: Duration) -> Result<Value> {
    load::publish(stack, FOLDED, FOLDED).await?;
    fold::measure(stack, FOLDED, 1).await?;
    fill(&stack.admin, rooms.div_ceil(FOLDED)).await?;
    let shutdown = Shutdown::new();
    let context = stack.context("room-state", Role::RoomState, shutdown.clone()).await?;
    let service = tokio::spawn(room_state::run(context));
    tokio::time::sleep(SETTLES).await;
    let before = Used::now(&stack.admin).await?;
    tokio::time::sleep(time).await;
    let after = Used::now(&stack.admin).await?;
    shutdown.request();
    service.await??;
    let share = |ticks: u64| (share(ticks, time) * 1_000.0).round() / 1_000.0;
    let minutes = time.as_secs_f64() / 60.0;
    #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
    let rows = (after.rows - before.rows) as f64 / minutes;
    Ok(json!({
        "rooms": rooms,
        "seconds": time.as_secs(),
        "share_of_a_core": {
            "room_state": share(after.own.saturating_sub(before.own)),
            "postgres": share(after.postgres.saturating_sub(before.postgres)),
        },
        "rows_read_per_minute": rows.round(),
    }))
}

#[expect(clippy::cast_precision_loss, reason = "a count of clock ticks")]
fn share(ticks: u64, time: Duration) -> f64 {
    ticks as f64 / TICKS / time.as_secs_f64()
}

/// Copies of every room, so that there are so many of each.
async fn fill(db: &PgPool, times: usize) -> Result<()> {
    sqlx::query(
        "insert into rooms (room, source, topic, topic_at, state, last_lines, last_entry, last_active_at, rules_version,
                            version, created_at, updated_at)
         select room || '-' || copy, source, topic, topic_at, state, last_lines, last_entry, last_active_at,
                rules_version, version, created_at, updated_at
         from rooms, generate_series(2, $1) as copy",
    )
    .bind(i32::try_from(times)?)
    .execute(db)
    .await?;
    sqlx::query("vacuum analyze rooms").execute(db).await?;
    Ok(())
}

/// What was used since everything started.
struct Used {
    /// Clock ticks of this process, in which the service runs.
    own: u64,
    /// Of Postgres, with all processes that it started.
    postgres: u64,
    rows: i64,
}

impl Used {
    async fn now(db: &PgPool) -> Result<Self> {
        let first: String =
            sqlx::query_scalar("select split_part(pg_read_file('postmaster.pid'), chr(10), 1)")
                .fetch_one(db)
                .await?;
        let mut pids: Vec<i32> = sqlx::query_scalar("select pid from pg_stat_activity").fetch_all(db).await?;
        pids.push(first.trim().parse()?);
        let rows = sqlx::query_scalar(
            "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_user_tables",
        )
        .fetch_one(db)
        .await?;
        let postgres = pids.iter().filter_map(|pid| ticks(&pid.to_string())).sum();
        Ok(Self { own: ticks("self").context("/proc/self/stat")?, postgres, rows })
    }
}

/// Of a process and of its children that have ended.
fn ticks(pid: &str) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    fields.get(11..15)?.iter().map(|field| field.parse::<u64>().ok()).sum()
}
