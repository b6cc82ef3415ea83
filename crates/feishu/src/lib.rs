//! Feishu as seen from a sender: the calls that Huiyin makes and what their failures ask for, the JSON of cards, and the
//! callbacks of their buttons.
//!
//! It knows the wire and nothing of waits, schedules or the store. Written on plain HTTP because an SDK gives no
//! delivery guarantee, keeps dead tokens, and hides the difference between "refused" and "unknown".

pub mod callback;
pub mod card;
mod chats;
mod client;
pub mod custom_bot;
mod error;
pub mod login;
pub mod markup;
mod people;
pub mod text;
mod token;
mod uuid;
mod wire;

#[cfg(test)]
mod tests;

pub use chats::ChatInfo;
pub use client::{FeishuClient, Receiver, Sent};
pub use domain::secret::Secret;
pub use error::{Certainty, FeishuError, Refusal, RetryCause};
pub use people::LookedUp;
pub use uuid::{CardUuid, NotACardUuid};
pub use wire::CALL_DEADLINE;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::markup::inert;

/// The clock that token ages are judged by.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The bot that sends.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// `cli_…`
    pub app_id: String,
    pub app_secret: Secret,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the id as Feishu wrote it.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id as Feishu wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A chat, `oc_…`: a group, or a private chat as an earlier send named it.
    ChatId
);
id!(
    /// A message, `om_…`.
    MessageId
);
id!(
    /// An uploaded picture, `img_…`.
    ImageKey
);
id!(
    /// A person as this app sees them, `ou_…`.
    OpenId
);

/// The kinds of message that Huiyin sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MsgType {
    /// A card; can be changed for 14 days.
    Interactive,
    /// Plain text; cannot be changed by PATCH.
    Text,
}

impl MsgType {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Text => "text",
        }
    }
}

/// A message ready to be frozen and sent: type, and content as the string that the API takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutgoingMessage {
    pub msg_type: MsgType,
    /// JSON in a string.
    pub content: String,
}

impl OutgoingMessage {
    pub fn card(card: &Value) -> Self {
        Self { msg_type: MsgType::Interactive, content: card.to_string() }
    }

    /// A plain text, of which Feishu reads nothing as markup.
    pub fn text(text: &str) -> Self {
        Self { msg_type: MsgType::Text, content: json!({ "text": inert(text) }).to_string() }
    }
}
