//! `ingest`: how messages come in, from a Wechaty gateway and from the webhook.
//!
//! It turns what the outside says into Huiyin's own facts and never judges them: what a message means for a wait is
//! `room-state`'s business.

mod alerter_monitor;
pub mod callers;
mod capture;
mod contacts;
pub mod content;
pub mod gateway;
mod http;
mod order;
mod page;
pub mod webhook;

use std::sync::Arc;

use anyhow::Context as _;
use events::chat::ChatMessage;
use events::{encode, subject};
use runtime::bus::Outgoing;
use runtime::{Context, Tasks};

pub use capture::point;

use self::contacts::Contacts;
use self::order::CaptureOrder;

/// A message as it goes on the bus, whichever way it came.
fn outgoing(message: &ChatMessage) -> Result<Outgoing, serde_json::Error> {
    let subject = subject::chat_message(&message.room_key());
    Ok(Outgoing { subject, id: message.bus_id()?, payload: encode(message)? })
}

/// Runs until the shutdown is requested.
///
/// # Errors
/// If the settings cannot be used, the webhook's address cannot be bound, or a part ends by itself.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let listener = http::bind(&ctx).await?;
    let mut tasks = Tasks::new(ctx.shutdown.clone());
    let contacts = Contacts::default();
    let order = Arc::new(CaptureOrder::default());
    tasks.spawn("contacts", contacts.clone().run(ctx.clone()));
    let capture = match &ctx.config.ingest.gateway {
        Some(gateway) => {
            Some(capture::start(&ctx, gateway, contacts.clone(), order.clone(), &mut tasks).await?)
        }
        None => None,
    };
    if let Some(watchdog) = ctx.config.watchdog.clone() {
        let http = runtime::http::client().context("the HTTP client for the fallback")?;
        tasks.spawn("alerter-monitor", alerter_monitor::run(ctx.clone(), *watchdog, http));
    }
    tasks.spawn("http", http::serve(ctx, listener, capture, contacts, order));
    tasks.finish().await
}
