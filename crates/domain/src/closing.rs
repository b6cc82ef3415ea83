//! Does this message ask for a reply? Judged from its own content and from the staff messages just before it, never
//! from what comes later, so that the verdict does not depend on the order of arrival.
//!
//! The features of a text are taken once, when its entry is stored, so that judging survives the blanking of old text.

use serde::{Deserialize, Serialize};

use crate::message::MessageKind;
use crate::rules::Phrases;

/// What was seen in a message when it was stored. Holds no text of its own but the matched phrase of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// What the message is, taken alone.
    pub class: Class,
    /// It contains a question (asked of staff messages only).
    pub question: bool,
    /// The phrase list that was used.
    pub phrases_version: u32,
}

/// What a message is, taken alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Class {
    /// Something that asks for a reply.
    Request,
    /// Nothing but closing words; the first of them, as the list writes it.
    Closing {
        /// The phrase.
        phrase: String,
    },
    /// Nothing but a friendly sticker.
    LoneSticker,
    /// A text without anything in it.
    Empty,
    /// A notice of the chat system, said by nobody.
    Notice,
}

/// Whether a customer's message asks for a reply, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It asks for a reply.
    AsksForReply {
        /// What makes it ask.
        why: Why,
    },
    /// A closing word (or sticker) that answers a question of staff: an answer that may need one in turn.
    AnswersQuestion {
        /// The word.
        phrase: String,
    },
    /// A closing word that asks for nothing.
    ClosingNothing {
        /// The word.
        phrase: String,
    },
    /// A lone sticker that asks for nothing.
    StickerNothing,
    /// An empty text.
    EmptyNothing,
    /// A notice of the chat system.
    NoticeNothing,
}

/// What makes a message ask for a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", content = "kind", rename_all = "snake_case")]
pub enum Why {
    /// Its text is more than a closing.
    Text,
    /// It is a picture, a file, …: somebody has to look at it.
    Sent(MessageKind),
}

impl Verdict {
    /// Whether the message opens a wait when nobody is waiting.
    pub const fn opens(&self) -> bool {
        matches!(self, Self::AsksForReply { .. } | Self::AnswersQuestion { .. })
    }
}

impl Features {
    /// Takes the features of a message. For other kinds than text, `text` is not looked at.
    pub fn of(kind: MessageKind, text: &str, phrases: &Phrases) -> Self {
        let _ = (kind, text, phrases);
        todo!()
    }
}

/// Judges a customer's message by its features, its kind, and whether a question of staff stood open before it.
pub fn judge(features: &Features, kind: MessageKind, open_staff_question: bool) -> Verdict {
    let _ = (features, kind, open_staff_question);
    todo!()
}

/// The part of a text that its author said themselves: what follows WeChat's quote divider.
pub fn own_words(text: &str) -> &str {
    text
}
