//! From the webhook to a committed wait, at a steady rate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use runtime::{Clock, Shutdown};
use serde_json::{Value, json};
use store::role::Role;
use tokio::time::MissedTickBehavior;

use crate::stack::BenchStack;

/// The bench's webhook token.
pub const TOKEN: &str = "bench-token-of-no-worth";
/// The pause between two looks for committed waits: the resolution of the result.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How long the last waits may take to appear.
const PATIENCE: Duration = Duration::from_secs(20);

type Sent = Arc<Mutex<BTreeMap<String, Instant>>>;

/// Percentiles in milliseconds, each message opening a wait in a room of its own.
pub async fn measure(stack: &BenchStack, rate: u64, seconds: u64) -> Result<Value> {
    let shutdown = Shutdown::new();
    let fold =
        tokio::spawn(room_state::run(stack.context("room-state", Role::RoomState, shutdown.clone()).await?));
    let ingest = tokio::spawn(ingest::run(stack.context("ingest", Role::Ingest, shutdown.clone()).await?));
    let url = format!("http://{}", stack.config.ingest.listen);
    let http = runtime::http::client()?;
    until_up(&http, &url).await?;
    let sent: Sent = Sent::default();
    let total = usize::try_from(rate * seconds)?;
    let poller = tokio::spawn(collect(stack.admin.clone(), sent.clone(), total));
    post_all(&http, &url, &sent, rate, total).await;
    let mut latencies = poller.await??;
    ensure!(!fold.is_finished() && !ingest.is_finished(), "a service ended");
    shutdown.request();
    fold.await??;
    ingest.await??;
    latencies.sort_unstable();
    let at = |share: usize| {
        latencies[(latencies.len() * share / 1_000).min(latencies.len() - 1)].as_secs_f64() * 1_000.0
    };
    let rounded = |share| (at(share) * 10.0).round() / 10.0;
    Ok(json!({
        "rate_per_s": rate, "messages": latencies.len(),
        "p50_ms": rounded(500), "p90_ms": rounded(900), "p99_ms": rounded(990), "max_ms": rounded(1_000)
    }))
}

async fn until_up(http: &reqwest::Client, url: &str) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    while http.get(format!("{url}/healthz")).send().await.is_err() {
        ensure!(Instant::now() < end, "the webhook does not answer");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

async fn post_all(http: &reqwest::Client, url: &str, sent: &Sent, rate: u64, total: usize) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut posts = tokio::task::JoinSet::new();
    for n in 0..total {
        ticks.tick().await;
        let id = format!("latency-{n}");
        let row = json!({
            "source": "webhook", "account": "bench", "id": id, "room": { "id": id, "topic": "示例公司-延迟" },
            "sender": { "id": "customer", "name": "样例客户" }, "sent_at": Clock::system().now(), "kind": "text",
            "text": "在吗？"
        });
        sent.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(format!("webhook:bench:{id}"), Instant::now());
        let request = http.post(format!("{url}/v1/messages")).bearer_auth(TOKEN).json(&row);
        posts.spawn(async move { request.send().await.is_ok_and(|answer| answer.status().is_success()) });
    }
    while posts.join_next().await.is_some() {}
}

/// Looks for the waits until all are committed.
async fn collect(db: store::sqlx::PgPool, sent: Sent, total: usize) -> Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(total);
    let mut last_found = Instant::now();
    while latencies.len() < total {
        ensure!(last_found.elapsed() < PATIENCE, "{} of {total} waits appeared", latencies.len());
        tokio::time::sleep(LOOK_EVERY).await;
        let pending: Vec<String> =
            sent.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        if pending.is_empty() {
            continue;
        }
        let found: Vec<String> = store::sqlx::query_scalar("select wait from waits where wait = any ($1)")
            .bind(&pending)
            .fetch_all(&db)
            .await?;
        let now = Instant::now();
        let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
        for wait in found {
            latencies.extend(sent.remove(&wait).map(|at| now - at));
            last_found = now;
        }
    }
    Ok(latencies)
}
