//! Where cards go and who is behind an account: people's addresses of the rules in force, and the public chat of the
//! configuration. People change by new rules, without a restart; the public chat with one.

use domain::id::StaffName;
use domain::rules::{Audience, RosterEntry, Rules};
use feishu::OpenId;
use runtime::config::Feishu;

/// The addresses that hold at one moment.
#[derive(Clone, Copy)]
pub struct AddressBook<'a> {
    roster: &'a [RosterEntry],
    public_chat: &'a str,
}

impl<'a> AddressBook<'a> {
    /// By these rules.
    pub fn new(rules: &'a Rules, feishu: &'a Feishu) -> Self {
        Self { roster: &rules.roster, public_chat: &feishu.public_chat }
    }

    /// The chat that everybody reads.
    pub fn public_chat(self) -> &'a str {
        self.public_chat
    }

    /// The private chat of an owner. `None`: they have none, so that their cards go to the public chat.
    pub fn owner(self, name: &StaffName) -> Option<&'a str> {
        self.entry(name)?.feishu_chat()
    }

    /// The chat in which an owner is alerted.
    pub fn chat_of(self, owner: &StaffName) -> &'a str {
        self.owner(owner).unwrap_or(self.public_chat)
    }

    /// Whether a chat is the private one of anybody.
    pub fn is_private(self, chat: &str) -> bool {
        self.roster.iter().any(|entry| entry.feishu_chat() == Some(chat))
    }

    /// The chats that get a rung's card, without repeats. None: nobody owns the room and the rung is not for the public.
    ///
    /// An owner without a chat of their own is alerted in the public chat, where somebody can pass it on.
    pub fn receivers(self, owner: Option<&StaffName>, audience: Audience) -> Vec<&'a str> {
        let mut chats: Vec<&str> = owner.map(|owner| self.chat_of(owner)).into_iter().collect();
        if audience == Audience::OwnerAndPublic && !chats.contains(&self.public_chat) {
            chats.push(self.public_chat);
        }
        chats
    }

    /// The account by which a member of staff is mentioned.
    pub fn account(self, name: &StaffName) -> Option<OpenId> {
        self.entry(name)?.feishu_account().map(OpenId::new)
    }

    /// Whose account this is.
    pub fn name(self, account: &OpenId) -> Option<&'a StaffName> {
        let theirs = |entry: &&RosterEntry| entry.feishu_account() == Some(account.as_str());
        self.roster.iter().find(theirs).map(|entry| &entry.name)
    }

    fn entry(self, name: &StaffName) -> Option<&'a RosterEntry> {
        self.roster.iter().find(|entry| entry.name == *name)
    }
}
