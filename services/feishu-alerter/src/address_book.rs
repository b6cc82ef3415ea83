//! Where cards go and who is behind an account: people's addresses of the rules in force, and the public chat of the
//! configuration. People change by new rules, without a restart; the public chat with one.

use domain::id::StaffName;
use domain::rules::{Audience, Ladder, Recipient, RosterEntry, Rules, Stage};
use feishu::OpenId;
use runtime::config::Feishu;
use store::alerts::notifications::Address;

use crate::availability::Availability;
use crate::channel::feishu::NAME as FEISHU;

/// A chat of Feishu.
pub fn feishu_chat(chat: &str) -> Address {
    Address { channel: FEISHU.to_owned(), address: chat.to_owned() }
}

/// The addresses that hold at one moment.
#[derive(Clone, Copy)]
pub struct AddressBook<'a> {
    rules: &'a Rules,
    public_chat: &'a str,
    availability: &'a Availability,
}

impl<'a> AddressBook<'a> {
    /// By these rules, while these people are away.
    pub fn new(rules: &'a Rules, feishu: &'a Feishu, availability: &'a Availability) -> Self {
        Self { rules, public_chat: &feishu.public_chat, availability }
    }

    /// By which they hold.
    pub const fn rules(self) -> &'a Rules {
        self.rules
    }

    /// Where everybody reads.
    pub fn public(self) -> Address {
        feishu_chat(self.public_chat)
    }

    /// Where somebody is reached by themselves, if they are.
    pub fn own(self, owner: &StaffName) -> Option<Address> {
        self.entry(owner)?.feishu_chat().map(feishu_chat)
    }

    /// Who reads the private cards of an owner: they, or whoever stands in for them. `None`: nobody.
    pub fn stand_in<'s>(self, owner: &'s StaffName) -> Option<&'s StaffName>
    where
        'a: 's,
    {
        self.availability.stand_in(owner)
    }

    /// Whoever stands in for an owner who is away.
    pub fn deputy<'s>(self, owner: &'s StaffName) -> Option<&'s StaffName>
    where
        'a: 's,
    {
        self.stand_in(owner).filter(|stand_in| *stand_in != owner)
    }

    /// Where an owner is alerted, or whoever stands in for them: where everybody reads if not by themselves, so that somebody
    /// can pass it on.
    pub fn of_owner(self, owner: &StaffName) -> Address {
        self.stand_in(owner).and_then(|stand_in| self.own(stand_in)).unwrap_or_else(|| self.public())
    }

    /// Whether somebody is reached by themselves there.
    pub fn is_of_somebody(self, to: &Address) -> bool {
        self.of_chat(to).is_some()
    }

    /// Where a rung is notified, without repeats. Nowhere: nobody owns the room and the rung is for nobody else.
    pub fn of_audience(self, owner: Option<&StaffName>, audience: &[Audience]) -> Vec<Address> {
        let mut all = Vec::new();
        for recipient in self.rules.recipients(audience, owner) {
            let to = self.of_recipient(recipient);
            if !all.contains(&to) {
                all.push(to);
            }
        }
        all
    }

    /// Where somebody is alerted.
    pub fn of_recipient(self, recipient: Recipient<'_>) -> Address {
        match recipient {
            Recipient::Person(name) => self.of_owner(name),
            Recipient::Public => self.public(),
            // One that is not named is refused with the rules.
            Recipient::Chat(name) => self
                .rules
                .chats
                .get(name)
                .map_or_else(|| self.public(), |chat| feishu_chat(chat.feishu.as_str())),
        }
    }

    /// Whether several people read along there.
    pub fn is_shared(self, to: &Address) -> bool {
        *to == self.public() || self.rules.chats.values().any(|chat| feishu_chat(chat.feishu.as_str()) == *to)
    }

    /// Whether it is a manager's own.
    pub fn is_of_manager(self, to: &Address) -> bool {
        self.of_chat(to).is_some_and(|entry| self.rules.managers.contains(&entry.name))
    }

    /// Whether the cards of a ladder go there whoever owns the room.
    pub fn reads_along(self, ladder: &Ladder, to: &Address) -> bool {
        *to == self.public()
            || ladder.audiences().any(|audience| self.of_audience(None, audience).contains(to))
    }

    /// Whether the cards of a ladder go there, be it the owner's address or that of somebody else the ladder is for.
    pub fn is_read_at(self, owner: Option<&StaffName>, ladder: &Ladder, to: &Address) -> bool {
        owner.is_some_and(|owner| self.of_owner(owner) == *to) || self.reads_along(ladder, to)
    }

    /// The account by which a member of staff is mentioned.
    pub fn account(self, name: &StaffName) -> Option<OpenId> {
        self.entry(name)?.feishu_account().map(OpenId::new)
    }

    /// The stage that somebody's team works in, if it works in one.
    pub fn team(self, name: &StaffName) -> Option<Stage> {
        self.entry(name)?.team.stage()
    }

    /// Whose own chat this is.
    pub fn of_chat(self, to: &Address) -> Option<&'a RosterEntry> {
        let theirs = |entry: &&RosterEntry| entry.feishu_chat().is_some_and(|chat| feishu_chat(chat) == *to);
        self.rules.roster.iter().find(theirs)
    }

    /// Somebody of the roster, by their label.
    pub fn known(self, name: &str) -> Option<&'a StaffName> {
        self.rules.roster.iter().map(|entry| &entry.name).find(|known| known.as_str() == name)
    }

    /// Everybody who can own a room, but for one, by roster label.
    pub fn others_than(self, owner: Option<&StaffName>) -> Vec<String> {
        let can_own = self.rules.roster.iter().filter(|entry| entry.team.stage().is_some());
        can_own
            .map(|entry| &entry.name)
            .filter(|name| Some(*name) != owner)
            .map(ToString::to_string)
            .collect()
    }

    /// Whose account this is.
    pub fn name(self, account: &OpenId) -> Option<&'a StaffName> {
        self.rules.staff_by_feishu_account(account.as_str()).map(|entry| &entry.name)
    }

    fn entry(self, name: &StaffName) -> Option<&'a RosterEntry> {
        self.rules.roster.iter().find(|entry| entry.name == *name)
    }
}
