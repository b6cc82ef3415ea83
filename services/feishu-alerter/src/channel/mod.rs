//! Channels: where notifications are delivered. Each shows a card in its own way and says what its answers mean for the
//! outbox, which knows nothing else of it.

pub mod feishu;

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::Timestamp;
use domain::notification::{Step, Subject};
use serde_json::Value;

use crate::content::card::{Card, Form};

/// What a channel lets a sender do.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Between two calls of one replica.
    pub call_spacing: Duration,
    /// Between two calls for one address.
    pub address_spacing: Duration,
    /// How long nothing is sent twice under one delivery key. Zero: whatever is unconfirmed must not be tried again.
    pub deduplicates_for: TimeDelta,
    /// How long a message can be changed; `None`: never.
    pub changeable_for: Option<TimeDelta>,
}

/// Where messages go, and how.
#[async_trait]
pub trait Channel: Send + Sync {
    /// The name under which its notifications are stored. It must not change.
    fn name(&self) -> &'static str;

    fn limits(&self) -> Limits;

    /// What makes a second attempt the same message: of what the notification *is* and of nothing else. `generation` grows
    /// only when the channel has surely refused, or surely never had, the one before.
    fn delivery_key(&self, address: &str, subject: &Subject, step: Step, generation: u32) -> String;

    /// What is sent to show a card in a form, or in the next simpler one that the channel has room for. Its buttons carry
    /// the delivery key.
    fn render(&self, card: &Card, form: Form, delivery_key: &str) -> Value;

    /// Whether this release can send what was rendered, perhaps by another one.
    fn can_send(&self, payload: &Value) -> bool;

    /// The next simpler form that is another content than this; `None`: there is none.
    fn simpler(&self, payload: &Value, form: Form) -> Option<Form>;

    /// Sends what was rendered; not at all if the call cannot begin before `end`. Gives the message's id.
    async fn send(
        &self,
        address: &str,
        payload: &Value,
        delivery_key: &str,
        end: Timestamp,
    ) -> Result<String, DeliveryError>;

    /// Replaces what a message shows, unless the call cannot begin before `end`. Nobody is notified.
    async fn update(&self, message: &str, payload: &Value, end: Timestamp) -> Result<(), DeliveryError>;

    /// Pushes an urgent notice (加急) about a message to people, who are named as in the channel. Gives those who cannot be
    /// reached. Pushed twice is seen twice, and harmless.
    async fn push_urgent(&self, message: &str, people: &[String]) -> Result<Vec<String>, DeliveryError>;
}

/// A failed call.
#[derive(Debug, thiserror::Error)]
#[error("{channel}: {reason}")]
pub struct DeliveryError {
    /// The channel's name.
    pub channel: &'static str,
    pub remedy: Remedy,
    /// It may have taken effect.
    pub unconfirmed: bool,
    /// The channel's own code.
    pub code: Option<i64>,
    /// Without a word of the message.
    pub reason: String,
}

/// What is to be done about a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Try again, with the same delivery key and nothing changed; not sooner than the channel says.
    Retry { after: Option<Duration> },
    /// The content was refused: send another.
    Simplify,
    /// This address will not take it.
    GiveUp,
    /// Every call would meet the same: stop all of the channel's for a while.
    StopChannel,
    /// The channel's quota is used up: stop all of its calls for longer.
    StopForQuota,
}
