//! The buttons of our cards, by the value that each carries and that comes back when it is pressed.

use feishu::CardUuid;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::action::ActionKind;

/// A button that somebody pressed: of which card, and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PressedButton {
    /// The card's delivery key.
    #[serde(rename = "k")]
    pub card: CardUuid,
    /// Cards already sent carry these names: they must not change.
    #[serde(rename = "act", deserialize_with = "action")]
    pub action: ActionKind,
}

impl PressedButton {
    /// The button that carries this value. `None`: one that we do not have, or have no longer.
    pub fn of(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }
}

fn action<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ActionKind, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// What a button carries.
pub fn value(card: &str, action: ActionKind) -> Value {
    json!({"k": card, "act": action.name()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_comes_back_as_it_was_sent() {
        let card = CardUuid::new("oc_1", "w-1", "300", 0);
        for (action, name) in [
            (ActionKind::NoReplyNeeded, "no_reply_needed"),
            (ActionKind::Answered, "answered"),
            (ActionKind::Undo, "undo"),
            (ActionKind::Claim, "claim"),
            (ActionKind::Snooze, "snooze"),
            (ActionKind::Focus, "focus"),
            (ActionKind::Away, "away"),
            (ActionKind::Back, "back"),
            (ActionKind::Waiting, "waiting"),
            (ActionKind::Assign, "assign"),
            (ActionKind::StopFollowUp, "stop_follow_up"),
            (ActionKind::BoardLink, "board_link"),
        ] {
            let sent = json!({"k": card.as_str(), "act": name});
            assert_eq!(value(card.as_str(), action), sent, "cards of earlier releases carry it");
            assert_eq!(PressedButton::of(&sent), Some(PressedButton { card: card.clone(), action }));
        }
        for other in
            [json!({"k": "al-1", "act": "undo"}), json!({"k": card, "act": "dance"}), json!({}), Value::Null]
        {
            assert_eq!(PressedButton::of(&other), None, "{other}");
        }
    }
}
