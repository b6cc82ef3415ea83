//! The only sender of cards: it decides which alert is due, delivers it to Feishu never twice and never not at all,
//! and takes the presses of the cards' buttons.
//!
//! It must not write rooms or waits: what a button asks for goes to `room-state` as a command.
//!
//! Three convergers and an endpoint: [`plan`] takes in changed rooms and makes cards that are due; [`watch`] looks after
//! Huiyin itself and makes cards of what is wrong with it; [`deliver`] brings the cards out and changes them when their
//! wait or alarm ends; [`press`] takes the buttons. They share nothing but the store.

mod about;
pub mod callback;
pub mod card;
mod changes;
mod climb;
mod compose;
mod decide;
mod deliver;
mod departure;
mod failure;
mod fate;
pub mod feishu;
mod gauges;
mod grounds;
mod names;
mod observe;
mod plan;
mod press;
mod pressed;
mod receivers;
mod retention;
mod truth;
mod unanswered;
pub mod uuid;
pub mod watch;
pub mod wording;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyhow::Context as _;
use runtime::bus::{Consumer, note_room_changes};
use runtime::{Context, Tasks};
use store::rules::RulesCache;
use tokio::sync::Notify;

use crate::changes::Changes;
use crate::deliver::Deliverer;
use crate::feishu::{CALL_DEADLINE, Credentials, FeishuClient};
use crate::press::Presses;

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
    if !ctx.config.feishu.enabled {
        tracing::info!("feishu.enabled is false: no cards");
        // Those of former times grow old all the same.
        retention::run(ctx).await;
        return Ok(());
    }
    let rules = Arc::new(RulesCache::default());
    let http =
        runtime::http::client_within(ctx.clock.real(CALL_DEADLINE)).context("the HTTP client for Feishu")?;
    let client = Arc::new(client(&ctx, &http));
    let presses = Presses::bind(ctx.clone(), client.clone()).await?;
    let (changed, made) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let pending = Arc::new(Changes::default());
    let deliverer = Deliverer::new(ctx.clone(), client.clone(), rules.clone(), made.clone());
    let mut tasks = Tasks::new(ctx.shutdown.clone());
    if let Some(watchdog) = &ctx.config.watchdog {
        watch::start(&ctx, watchdog, client, &http, made.clone(), &mut tasks);
    }
    tasks.spawn("plan", plan::run(ctx.clone(), rules, pending.clone(), changed.clone(), made));
    tasks.spawn("deliver", deliver::run(deliverer));
    tasks.spawn("presses", presses.serve());
    tasks.spawn("gauges", gauges::run(ctx.clone()));
    tasks.spawn("retention", retention::run(ctx.clone()));
    tasks.spawn("wake", async move {
        let note = |change| pending.note(change);
        note_room_changes(&ctx.bus, Consumer::FeishuAlerter, note, changed, &ctx.shutdown, &ctx.health).await;
    });
    tasks.finish().await
}

fn client(ctx: &Context, http: &reqwest::Client) -> FeishuClient {
    let feishu = &ctx.config.feishu;
    let credentials = Credentials { app_id: feishu.app_id.clone(), app_secret: feishu.app_secret.clone() };
    let clock = ctx.clock.clone();
    FeishuClient::new(http.clone(), feishu.base_url.clone(), credentials, Arc::new(move || clock.now()))
}
