//! The commands that actions ask for, by their ids: the same button of the same card gives the same command, however often
//! it is pressed.

use chrono::TimeDelta;
use domain::id::CommandId;
use feishu::CardUuid;

/// How long 不用回复 can be taken back.
pub const UNDO_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// What the ids begin with.
const PREFIX: &str = "feishu:";
/// What ends the id of 已回复, or of 撤销.
const ANSWERED: &str = ":answered";
const UNDO: &str = ":undo";

/// The action 不用回复.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    pub card: CardUuid,
    /// How often one was taken back there before: what is said again is another command.
    pub undone: i32,
}

impl Cancel {
    pub fn command(&self) -> CommandId {
        let Self { card, undone } = self;
        CommandId(if *undone == 0 { format!("{PREFIX}{card}") } else { format!("{PREFIX}{card}:{undone}") })
    }
}

/// The command of 已回复. Another one than that of 不用回复, so that the refusal of one does not swallow the other;
/// whichever is decided first ends the wait.
pub fn answered(card: &CardUuid) -> CommandId {
    CommandId(format!("{PREFIX}{card}{ANSWERED}"))
}

/// The command that takes a cancel back, on whichever card that is pressed.
pub fn undo(cancel: &CommandId) -> CommandId {
    CommandId(format!("{cancel}{UNDO}"))
}

/// The action 不用回复 that asked for this; `None`: it was asked for in another way.
pub fn cancel_of(command: &CommandId) -> Option<Cancel> {
    let rest = command.as_str().strip_prefix(PREFIX)?;
    let (card, undone) = match rest.split_once(':') {
        None => (rest, 0),
        Some((card, undone)) => (card, undone.parse().ok().filter(|undone| *undone > 0)?),
    };
    Some(Cancel { card: CardUuid::try_from(card.to_owned()).ok()?, undone })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_press_of_a_card_is_read_back() {
        let card = CardUuid::new("oc_1", "w-1", "300", 0);
        for undone in [0, 1, 12] {
            let cancel = Cancel { card: card.clone(), undone };
            assert_eq!(cancel_of(&cancel.command()), Some(cancel));
        }
        let cancel = Cancel { card: card.clone(), undone: 0 }.command();
        let ids =
            ["feishu:x", "vika:rec1:1", "feishu:al-1:answered", "", "feishu:"].map(|id| CommandId(id.into()));
        for other in ids.iter().chain([&answered(&card), &undo(&cancel), &CommandId(format!("{cancel}:0"))]) {
            assert_eq!(cancel_of(other), None, "{other}");
        }
    }
}
