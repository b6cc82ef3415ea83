//! Feishu as a channel.

mod button;
mod render;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::Timestamp;
use domain::notification::{Step, Subject};
use feishu::{
    CardUuid, Certainty, ChatId, FeishuClient, FeishuError, MessageId, OpenId, OutgoingMessage, Receiver,
};
use serde_json::Value;

use super::{Channel, DeliveryError, Limits, Remedy};
use crate::content::card::{Card, Form};

pub use button::PressedButton;
pub use render::render;

/// The name under which its notifications are stored.
pub const NAME: &str = "feishu";

/// Feishu, by the bot of one app.
pub struct Feishu(Arc<FeishuClient>);

impl Feishu {
    pub const fn new(client: Arc<FeishuClient>) -> Self {
        Self(client)
    }
}

#[async_trait]
impl Channel for Feishu {
    fn name(&self) -> &'static str {
        NAME
    }

    fn limits(&self) -> Limits {
        Limits {
            // 900 a minute of the thousand that the app may make, and below 50 a second.
            call_spacing: Duration::from_millis(67),
            // At most four a second of the five that all bots of a chat share.
            address_spacing: Duration::from_millis(250),
            // Feishu does so for an hour. Counted from the first attempt and with room to spare, so that it does not
            // matter from when Feishu counts.
            deduplicates_for: TimeDelta::minutes(55),
            changeable_for: Some(TimeDelta::days(14)),
        }
    }

    fn delivery_key(&self, address: &str, subject: &Subject, step: Step, generation: u32) -> String {
        CardUuid::new(address, &subject.to_string(), &step.to_string(), generation).into()
    }

    fn render(&self, card: &Card, form: Form, delivery_key: &str) -> Value {
        // Both members are text.
        serde_json::to_value(render(card, form, delivery_key)).unwrap_or_default()
    }

    fn can_send(&self, payload: &Value) -> bool {
        message(payload).is_ok()
    }

    fn simpler(&self, payload: &Value, form: Form) -> Option<Form> {
        let mentions = message(payload).is_ok_and(|message| message.content.contains("<at id="));
        match form {
            Form::Full if !mentions => Form::WithoutMention.simpler(),
            form => form.simpler(),
        }
    }

    async fn send(
        &self,
        address: &str,
        payload: &Value,
        delivery_key: &str,
        end: Timestamp,
    ) -> Result<String, DeliveryError> {
        let message = message(payload)?;
        let uuid = CardUuid::try_from(delivery_key.to_owned()).map_err(|error| unusable(&error))?;
        let to = Receiver::Chat(ChatId::new(address));
        let sent = self.0.send(&to, &message, &uuid, end).await.map_err(|error| failed(&error))?;
        Ok(sent.message_id.as_str().to_owned())
    }

    async fn update(&self, id: &str, payload: &Value, end: Timestamp) -> Result<(), DeliveryError> {
        let message = message(payload)?;
        self.0.update_card(&MessageId::new(id), &message, end).await.map_err(|error| failed(&error))
    }

    async fn push_urgent(&self, id: &str, people: &[String]) -> Result<Vec<String>, DeliveryError> {
        let people: Vec<OpenId> = people.iter().map(OpenId::new).collect();
        self.0.push_urgent(&MessageId::new(id), &people).await.map_err(|error| failed(&error))
    }
}

fn message(payload: &Value) -> Result<OutgoingMessage, DeliveryError> {
    serde_json::from_value(payload.clone()).map_err(|error| unusable(&error))
}

/// What is stored is nothing that this release could have sent.
fn unusable(error: &dyn std::error::Error) -> DeliveryError {
    let reason = format!("what is stored cannot be sent: {error}");
    DeliveryError { channel: NAME, remedy: Remedy::GiveUp, unconfirmed: false, code: None, reason }
}

fn failed(error: &FeishuError) -> DeliveryError {
    let remedy = match error {
        FeishuError::RetrySameUuid { after, .. } => Remedy::Retry { after: *after },
        FeishuError::FixCard(_) => Remedy::Simplify,
        FeishuError::Permanent(_) | FeishuError::Unchangeable(_) => Remedy::GiveUp,
        FeishuError::AppRefused(_) => Remedy::StopChannel,
        FeishuError::QuotaExhausted(_) => Remedy::StopForQuota,
    };
    DeliveryError {
        channel: NAME,
        remedy,
        unconfirmed: error.certainty() == Certainty::Unknown,
        code: error.code(),
        reason: error.to_string(),
    }
}
