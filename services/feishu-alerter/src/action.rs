//! What can be done with the buttons of a card: what each asks `room-state` for, under which id. The same button of the same
//! card gives the same command, however often it is pressed.

use chrono::TimeDelta;
use domain::id::{CommandId, EntryId, WaitId};
use events::command::CommandKind;
use feishu::CardUuid;
use store::alerts::actions::Recorded;
use strum::{EnumString, IntoStaticStr};

use crate::wording;

/// How long 不用回复 can be taken back.
pub const UNDO_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// For how many working minutes somebody who sees to a wait has the others left alone.
pub const CLAIM_MINUTES: u64 = 15;
/// For how many working minutes one's own cards of a wait can be put off.
pub const SNOOZE_MINUTES: [u64; 3] = [15, 30, 60];
/// How often, each wait.
pub const SNOOZES: usize = 2;

/// For how many minutes people can ask not to be disturbed; 0 ends it.
pub const FOCUS_MINUTES: [u64; 4] = [30, 60, 120, 0];

/// A button. Cards already sent carry these names, and the store has them: they must not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ActionKind {
    /// 不用回复: the wait is to be cancelled.
    NoReplyNeeded,
    /// 已回复: the wait was answered during a capture gap.
    Answered,
    /// 撤销: what was said of the wait, that it needs no reply, is taken back.
    Undo,
    /// 我来处理: whoever presses sees to the wait.
    Claim,
    /// 稍后提醒: the private cards of the wait are to wait.
    Snooze,
    /// 专注: whoever presses is not to be disturbed.
    Focus,
    /// 休假: whoever presses is away for the rest of the day, and somebody stands in for them.
    Away,
    /// 结束休假: whoever presses is back.
    Back,
    /// 我的待回复: whoever presses is told everybody who waits for them.
    Waiting,
    /// 转交: the room gets another owner.
    Assign,
    /// 不再跟进: a silence is to be told no more.
    StopFollowUp,
    /// 登录看板: whoever presses is sent a link that logs them in to the board.
    BoardLink,
}

impl ActionKind {
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The command that ends a wait, and its id, for somebody who has seen the room up to an entry. `None`: it ends none.
    pub fn request(self, card: &CardUuid, done: &Done, wait: &WaitId, seen_up_to: &str) -> Option<Request> {
        let (wait, seen_up_to) = (wait.clone(), EntryId(seen_up_to.to_owned()));
        match self {
            Self::NoReplyNeeded => Some(Request {
                id: Cancel { card: card.clone(), undone: done.undone() }.command(),
                round: done.undone(),
                command: CommandKind::Cancel {
                    wait: Some(wait),
                    seen_up_to,
                    reason: wording::CANCEL_REASON.to_owned(),
                },
                confirmed: wording::TOAST_DONE,
            }),
            Self::Answered => Some(Request {
                id: answered(card),
                round: 0,
                command: CommandKind::ConfirmAnswered { wait, seen_up_to },
                confirmed: wording::TOAST_CONFIRMED,
            }),
            Self::Undo
            | Self::Claim
            | Self::Snooze
            | Self::Focus
            | Self::Away
            | Self::Back
            | Self::Waiting
            | Self::Assign
            | Self::StopFollowUp
            | Self::BoardLink => None,
        }
    }
}

/// What an action that ends a wait asks for.
pub struct Request {
    pub id: CommandId,
    /// How often what it says had been taken back before.
    pub round: i32,
    pub command: CommandKind,
    /// What whoever was first reads.
    pub confirmed: &'static str,
}

/// What was done with the buttons of a card so far.
pub struct Done(pub Vec<Recorded>);

impl Done {
    /// How often 不用回复 was taken back.
    pub fn undone(&self) -> i32 {
        let undos = self.0.iter().filter(|done| done.action == ActionKind::Undo.name());
        undos.map(|done| done.round + 1).max().unwrap_or_default()
    }

    /// Who did this first, in this round.
    pub fn first(&self, action: ActionKind, round: i32) -> Option<&str> {
        let first = self.0.iter().find(|done| done.action == action.name() && done.round == round);
        first.map(|done| done.by.as_str())
    }
}

/// What the ids begin with.
const PREFIX: &str = "feishu:";
/// What ends the id of 已回复, or of 撤销.
const ANSWERED: &str = ":answered";
const UNDO: &str = ":undo";
/// What ends the id of 转交.
const ASSIGN: &str = ":assign";

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
fn answered(card: &CardUuid) -> CommandId {
    CommandId(format!("{PREFIX}{card}{ANSWERED}"))
}

/// The command that takes a cancel back, on whichever card that is pressed.
pub fn undo(cancel: &CommandId) -> CommandId {
    CommandId(format!("{cancel}{UNDO}"))
}

/// The command of 转交, by the event of the press: each is a choice of its own, and taken once.
pub fn assign(event: &str) -> CommandId {
    CommandId(format!("{PREFIX}{event}{ASSIGN}"))
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
        let made = [answered(&card), undo(&cancel), assign("al-1"), assign(card.as_str())];
        for other in ids.iter().chain(&made).chain([&CommandId(format!("{cancel}:0"))]) {
            assert_eq!(cancel_of(other), None, "{other}");
        }
    }
}
