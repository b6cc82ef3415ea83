//! The fold as it runs in production, over everything that is in CHAT.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use runtime::Shutdown;
use runtime::bus::Consumer;
use store::role::Role;

use crate::stack::BenchStack;

/// How often the end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Messages a second, from the start of the service until all is committed and acknowledged.
pub async fn measure(stack: &BenchStack, messages: usize) -> Result<f64> {
    let shutdown = Shutdown::new();
    let context = stack.context("room-state", Role::RoomState, shutdown.clone()).await?;
    let began = Instant::now();
    let service = tokio::spawn(room_state::run(context));
    while stack.bus.lag(Consumer::RoomStateChat).await?.pending > 0 {
        ensure!(!service.is_finished(), "room-state ended");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let taken = began.elapsed();
    shutdown.request();
    service.await??;
    let stored: i64 =
        store::sqlx::query_scalar("select count(*) from timeline").fetch_one(&stack.admin).await?;
    ensure!(usize::try_from(stored)? == messages, "{stored} of {messages} messages are in the timeline");
    #[expect(clippy::cast_precision_loss, reason = "a count of messages")]
    Ok(messages as f64 / taken.as_secs_f64())
}
