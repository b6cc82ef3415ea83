//! The only sender of cards: it decides which alert is due, delivers it to Feishu never twice and never not at all,
//! and takes the actions of its buttons.
//!
//! It must not write rooms or waits: what a button asks for goes to `room-state` as a command.
//!
//! Three loops and an endpoint: [`planner`] takes in changed rooms and makes notifications that are due; [`watchdog`] looks after
//! Huiyin itself and makes cards of what is wrong with it; [`outbox`] brings the cards out and changes them when their
//! wait or alarm ends; [`actions`] takes the buttons. They share nothing but the store.

pub mod action;
mod actions;
mod address_book;
mod availability;
pub mod channel;
pub mod content;
mod failure;
mod freshness;
mod gauges;
mod outbox;
mod planner;
mod retention;
pub mod watchdog;
pub mod wording;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyhow::Context as _;
use feishu::{CALL_DEADLINE, Credentials, FeishuClient};
use runtime::bus::{Consumer, note_room_changes};
use runtime::{Changes, Context, Tasks};
use store::rules::RulesCache;
use tokio::sync::Notify;

use crate::actions::ActionServer;
use crate::channel::Channel;
use crate::channel::feishu::Feishu;
use crate::outbox::Deliverer;
use crate::planner::Wake;

/// Where tests can end the service; see [`runtime::fault`].
pub mod point {
    /// The attempt is committed, Feishu is not called.
    pub const BEFORE_SEND: &str = "feishu-alerter.before-send";
    /// Feishu has answered, nothing is recorded.
    pub const BEFORE_RECORD: &str = "feishu-alerter.before-record";
}

/// Runs until the shutdown is requested.
///
/// # Errors
/// If the callback address cannot be bound, or a part of it ends by itself.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    run_over(ctx, |feishu| vec![feishu]).await
}

/// The same, over channels of the caller's choice: beside Feishu, or around it.
///
/// # Errors
/// As [`run`].
pub async fn run_over(
    ctx: Context,
    channels: impl FnOnce(Arc<dyn Channel>) -> Vec<Arc<dyn Channel>>,
) -> anyhow::Result<()> {
    if !ctx.config.feishu.enabled {
        tracing::info!("feishu.enabled is false: no cards");
        // Earlier ones still have to be blanked.
        retention::run(ctx).await;
        return Ok(());
    }
    let rules = Arc::new(RulesCache::default());
    let http =
        runtime::http::client_within(ctx.clock.real(CALL_DEADLINE)).context("the HTTP client for Feishu")?;
    let client = Arc::new(client(&ctx, &http));
    let (changed, made) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let pending = Arc::new(Changes::default());
    let wake = Wake { pending: pending.clone(), changed: changed.clone() };
    let actions = ActionServer::bind(ctx.clone(), client.clone(), rules.clone(), wake).await?;
    let feishu: Arc<dyn Channel> = Arc::new(Feishu::new(client.clone()));
    let deliverer = Deliverer::new(ctx.clone(), channels(feishu).into_iter(), rules.clone(), made.clone());
    let mut tasks = Tasks::new(ctx.shutdown.clone());
    if let Some(watchdog) = &ctx.config.watchdog {
        watchdog::start(&ctx, watchdog, client, &http, made.clone(), &mut tasks);
    }
    tasks.spawn("plan", planner::run(ctx.clone(), rules.clone(), pending.clone(), changed.clone(), made));
    tasks.spawn("deliver", outbox::run(deliverer));
    tasks.spawn("actions", actions.serve());
    tasks.spawn("gauges", gauges::run(ctx.clone(), rules.clone()));
    tasks.spawn("retention", retention::run(ctx.clone()));
    tasks.spawn("wake", async move {
        note_room_changes(&ctx.bus, Consumer::FeishuAlerter, &pending, changed, &ctx.shutdown, &ctx.health)
            .await;
    });
    tasks.finish().await
}

fn client(ctx: &Context, http: &reqwest::Client) -> FeishuClient {
    let feishu = &ctx.config.feishu;
    let credentials = Credentials { app_id: feishu.app_id.clone(), app_secret: feishu.app_secret.clone() };
    let clock = ctx.clock.clone();
    FeishuClient::new(http.clone(), feishu.base_url.clone(), credentials, Arc::new(move || clock.now()))
}
