//! The buttons of our cards, by the value that each carries and that comes back with its action.

use feishu::CardUuid;
use serde::Deserialize;
use serde_json::{Value, json};

/// The buttons that our cards have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Button {
    /// 不用回复 on this card: its wait is to be cancelled.
    NoReplyNeeded(CardUuid),
    /// 已回复 on this card: its wait was answered during a capture gap.
    Answered(CardUuid),
    /// 撤销 on this card: what was said of its wait on some card, that it needs no reply, is taken back.
    Undo(CardUuid),
    /// A button that we do not have, or have no longer: the person is told so.
    Unknown,
}

/// What a button does. Cards already sent carry these names: they must not change.
const NO_REPLY_NEEDED: &str = "no_reply_needed";
const ANSWERED: &str = "answered";
const UNDO: &str = "undo";

#[derive(Deserialize)]
struct ButtonValue {
    k: CardUuid,
    act: String,
}

impl Button {
    /// The button that carries this value.
    pub fn of(value: &Value) -> Self {
        match ButtonValue::deserialize(value) {
            Ok(value) if value.act == NO_REPLY_NEEDED => Self::NoReplyNeeded(value.k),
            Ok(value) if value.act == ANSWERED => Self::Answered(value.k),
            Ok(value) if value.act == UNDO => Self::Undo(value.k),
            _ => Self::Unknown,
        }
    }

    /// The value that it carries.
    pub fn value(&self) -> Value {
        match self {
            Self::NoReplyNeeded(card) => json!({"k": card, "act": NO_REPLY_NEEDED}),
            Self::Answered(card) => json!({"k": card, "act": ANSWERED}),
            Self::Undo(card) => json!({"k": card, "act": UNDO}),
            Self::Unknown => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_comes_back_as_it_was_sent() {
        let card = CardUuid::new("oc_1", "w-1", "300", 0);
        let sent = json!({"k": card.as_str(), "act": "no_reply_needed"});
        assert_eq!(Button::NoReplyNeeded(card.clone()).value(), sent, "cards of earlier releases carry it");
        for button in
            [Button::NoReplyNeeded(card.clone()), Button::Answered(card.clone()), Button::Undo(card.clone())]
        {
            assert_eq!(Button::of(&button.value()), button);
        }
        for other in
            [json!({"k": "al-1", "act": "undo"}), json!({"k": card, "act": "claim"}), json!({}), Value::Null]
        {
            assert_eq!(Button::of(&other), Button::Unknown, "{other}");
        }
    }
}
