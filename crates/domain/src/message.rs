//! What was said: the raw facts of a message, as its source reported them.

use serde::{Deserialize, Serialize};

use crate::id::PersonKey;

/// The kind of a message, as in the webhook format (`text`, `image`, `mini_program`, …).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Plain text.
    Text,
    /// A picture.
    Image,
    /// A voice message.
    Audio,
    /// A video.
    Video,
    /// A file; the text is its name.
    File,
    /// A sticker.
    Emoticon,
    /// A place.
    Location,
    /// A link.
    Url,
    /// A mini program card.
    MiniProgram,
    /// A contact card.
    Contact,
    /// A forwarded conversation.
    ChatHistory,
    /// A red envelope.
    RedEnvelope,
    /// A money transfer.
    Transfer,
    /// A call record.
    Call,
    /// Takes another message back; the text is that message's id.
    Recalled,
    /// A notice of the chat system itself, said by nobody.
    System,
    /// Anything else.
    Other,
}

/// What kind of contact somebody is, as sources tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactType {
    /// Somebody's own account.
    Individual,
    /// An official account (公众号).
    OfficialAccount,
    /// An account in `WeCom`, of any company.
    Corporation,
    /// An application of `WeCom`, a robot among them.
    Application,
}

impl ContactType {
    /// Whether no person speaks through such an account.
    pub const fn is_robot(self) -> bool {
        matches!(self, Self::OfficialAccount | Self::Application)
    }
}

/// The facts about a speaker that came with a message. Roles are derived from them, never stored in their place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The sender's id at the source.
    pub key: PersonKey,
    /// Display name, for showing only (and for matching a roster label once somebody is known to be staff).
    pub name: String,
    /// 企业名称 as the source reports it; empty when unknown.
    pub corporation: String,
    /// The source says that this is a colleague. `None`: the source cannot tell.
    pub coworker: Option<bool>,
    /// This is the account that captures the messages.
    pub is_self: bool,
    /// Whether it is a person at all; `None`: the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_type: Option<ContactType>,
}
