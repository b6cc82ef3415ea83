//! The fold as it runs in production, over everything that is in CHAT.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use runtime::Shutdown;
use runtime::bus::Consumer;
use store::role::Role;

use crate::stack::BenchStack;

/// How often the end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Messages a second, from the start of so many `room-state` until all is committed and acknowledged.
pub async fn measure(stack: &BenchStack, messages: usize, replicas: usize) -> Result<f64> {
    let shutdown = Shutdown::new();
    let contexts =
        try_join_all((0..replicas).map(|_| stack.context("room-state", Role::RoomState, shutdown.clone())));
    let contexts = contexts.await?;
    let began = Instant::now();
    let services: Vec<_> = contexts.into_iter().map(|ctx| tokio::spawn(room_state::run(ctx))).collect();
    while stack.bus.lag(Consumer::RoomStateChat).await?.pending > 0 {
        ensure!(services.iter().all(|service| !service.is_finished()), "room-state ended");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let taken = began.elapsed();
    shutdown.request();
    for service in services {
        service.await??;
    }
    let stored: i64 =
        store::sqlx::query_scalar("select count(*) from timeline").fetch_one(&stack.admin).await?;
    ensure!(usize::try_from(stored)? == messages, "{stored} of {messages} messages are in the timeline");
    #[expect(clippy::cast_precision_loss, reason = "a count of messages")]
    Ok(messages as f64 / taken.as_secs_f64())
}

/// Where the time of the batches went, from the metrics as Prometheus reads them. The rest is pulling, decoding,
/// acknowledging and announcing.
pub fn seconds_by_stage(metrics: &str) -> BTreeMap<String, f64> {
    let stage = |line: &str| {
        let (name, seconds) = line.strip_prefix("fold_stage_seconds_sum{stage=\"")?.split_once("\"} ")?;
        let seconds: f64 = seconds.parse().ok()?;
        Some((name.to_owned(), (seconds * 100.0).round() / 100.0))
    };
    metrics.lines().filter_map(stage).collect()
}
