//! Who pressed, and what they may.

use domain::id::StaffName;
use domain::rules::{Rules, Who};
use feishu::OpenId;
use store::alerts::notifications::Address;

use crate::action::ActionKind;
use crate::address_book::AddressBook;
use crate::content::subject::Subject;
use crate::wording;

/// Whoever pressed a button.
pub struct Presser<'r> {
    /// Whose account it is, by the roster.
    pub account_of: Option<&'r StaffName>,
    /// Who they are in the roster: whose account it is; or else whose own chat it is, as long as the roster knows no account
    /// of theirs, since nobody else is there.
    pub staff: Option<&'r StaffName>,
}

impl<'r> Presser<'r> {
    /// By the account that pressed, and where.
    pub fn of(account: &OpenId, to: &Address, book: AddressBook<'r>) -> Self {
        let account_of = book.name(account);
        let alone_there = book.of_chat(to).filter(|entry| entry.feishu_account().is_none());
        Self { account_of, staff: account_of.or(alone_there.map(|entry| &entry.name)) }
    }

    /// What they read if they may not press this.
    pub fn refusal(
        &self,
        action: ActionKind,
        subject: &Subject,
        (rules, book): (&Rules, AddressBook<'_>),
    ) -> Option<String> {
        let who = who_may(action, rules);
        let may = self.is_among(who, subject.room.state.owner.as_ref(), (rules, book));
        (!may).then(|| wording::toast_may_not(who))
    }

    /// Whether they are among these. Whoever stands in for the owner may do what the owner may.
    pub fn is_among(
        &self,
        who: &[Who],
        owner: Option<&StaffName>,
        (rules, book): (&Rules, AddressBook<'_>),
    ) -> bool {
        let stand_in = owner.and_then(|owner| book.stand_in(owner));
        rules.is_among(who, self.staff, owner)
            || stand_in.is_some() && rules.is_among(who, self.staff, stand_in)
    }
}

fn who_may(action: ActionKind, rules: &Rules) -> &[Who] {
    let buttons = &rules.buttons;
    match action {
        ActionKind::NoReplyNeeded | ActionKind::Answered | ActionKind::Undo => &buttons.no_reply_needed,
        ActionKind::Claim => &buttons.claim,
        ActionKind::Snooze => &buttons.snooze,
        ActionKind::Focus => &buttons.focus,
        ActionKind::Away | ActionKind::Back => &buttons.away,
        ActionKind::Waiting => &buttons.waiting,
        ActionKind::Assign => &buttons.assign,
        ActionKind::StopFollowUp => &buttons.stop_follow_up,
        ActionKind::BoardLink => &[Who::Roster],
    }
}
