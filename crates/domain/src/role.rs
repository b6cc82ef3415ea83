//! Who is speaking: derived from the rules and the sender's raw facts, never stored in their place, so that a corrected
//! roster corrects the past too. A display name alone never makes anybody staff.

use serde::{Deserialize, Serialize};

use crate::id::{PersonKey, StaffName};
use crate::message::Sender;
use crate::rules::{RosterEntry, Rules, Stage, Team};

/// What somebody is to the company, as far as a room is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Our own login account, or a configured bot: changes nothing.
    Bot,
    /// 售前.
    PreSales,
    /// 售后.
    AfterSales,
    /// Any other colleague.
    OtherStaff,
    /// Everybody else.
    Customer,
}

impl Role {
    /// Whether a message of theirs can be a reply.
    pub const fn is_staff(self) -> bool {
        matches!(self, Self::PreSales | Self::AfterSales | Self::OtherStaff)
    }

    /// Whether they belong to the team that works in this stage.
    pub const fn works_in(self, stage: Stage) -> bool {
        matches!((self, stage), (Self::PreSales, Stage::PreSales) | (Self::AfterSales, Stage::AfterSales))
    }
}

impl From<Team> for Role {
    fn from(team: Team) -> Self {
        match team {
            Team::PreSales => Self::PreSales,
            Team::AfterSales => Self::AfterSales,
            Team::Other => Self::OtherStaff,
        }
    }
}

/// A speaker's role, and their roster label where they have one.
pub fn role_of(rules: &Rules, sender: &Sender) -> (Role, Option<StaffName>) {
    let (role, entry) = identify(rules, sender);
    (role, entry.map(|entry| entry.name.clone()))
}

/// As [`role_of`], with the whole roster entry and without a copy.
///
/// In this order: bots by id, the roster by id, colleagues by the source's word or by corporation (with the roster
/// entry of their name if exactly one has it), and customers.
pub fn identify<'r>(rules: &'r Rules, sender: &Sender) -> (Role, Option<&'r RosterEntry>) {
    if sender.is_self || is_bot(rules, &sender.key) {
        return (Role::Bot, None);
    }
    if let Some(entry) = rules.staff_by_contact(&sender.key) {
        return (entry.team.into(), Some(entry));
    }
    if sender.coworker == Some(true) || rules.is_company(&sender.corporation) {
        return match rules.staff_by_name(&sender.name) {
            Ok(entry) => (entry.team.into(), Some(entry)),
            Err(_) => (Role::OtherStaff, None),
        };
    }
    (Role::Customer, None)
}

fn is_bot(rules: &Rules, key: &PersonKey) -> bool {
    rules.bots.contains(key)
}
