//! Who is speaking: derived from the rules and the sender's raw facts, never stored in their place, so that a corrected
//! roster corrects the past too. A display name alone never makes anybody staff.

use serde::{Deserialize, Serialize};

use crate::id::{PersonKey, StaffName};
use crate::message::{ContactType, Sender};
use crate::rules::{RosterEntry, Rules, Stage, Team};

/// What somebody is to the company, as far as a room is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Our own login account, a configured bot, an application or an official account: changes nothing.
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
    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::PreSales => "pre_sales",
            Self::AfterSales => "after_sales",
            Self::OtherStaff => "other_staff",
            Self::Customer => "customer",
        }
    }

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
/// In this order: bots by id, the roster by id, accounts that no person speaks through, colleagues by the source's word or by corporation (with the roster
/// entry of their name if exactly one has it), and customers.
pub fn identify<'r>(rules: &'r Rules, sender: &Sender) -> (Role, Option<&'r RosterEntry>) {
    if sender.is_self || is_bot(rules, &sender.key) {
        return (Role::Bot, None);
    }
    if let Some(entry) = rules.staff_by_contact(&sender.key) {
        return (entry.team.into(), Some(entry));
    }
    if sender.coworker != Some(true) && sender.contact_type.is_some_and(ContactType::is_robot) {
        return (Role::Bot, None);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rules;

    fn sender(id: &str, name: &str, corporation: &str, coworker: Option<bool>) -> Sender {
        Sender {
            key: PersonKey { source: "test".into(), id: id.into() },
            name: name.into(),
            corporation: corporation.into(),
            coworker,
            is_self: id == "account",
            contact_type: None,
        }
    }

    #[test]
    fn what_no_person_speaks_through_is_a_bot() {
        let rules = rules();
        let of = |contact_type, sender: Sender| {
            role_of(&rules, &Sender { contact_type: Some(contact_type), ..sender }).0
        };
        let (robot, person) = (ContactType::Application, ContactType::Corporation);
        assert_eq!(of(robot, sender("x1", "小程序", "示例公司", Some(false))), Role::Bot);
        assert_eq!(of(ContactType::OfficialAccount, sender("x2", "资讯", "", None)), Role::Bot);
        assert_eq!(of(robot, sender("x3", "同事", "", Some(true))), Role::OtherStaff, "a coworker");
        assert_eq!(of(robot, sender("wang", "王小售", "", None)), Role::PreSales, "on the roster by id");
        assert_eq!(of(person, sender("x4", "客户", "别家公司", None)), Role::Customer);
    }

    #[test]
    fn roles_come_from_ids_and_companies_in_that_order() {
        let mut rules = rules();
        rules.company_names.push(String::new());
        rules.bots.push(rules.roster[2].contacts[0].clone());
        let twin = RosterEntry { contacts: vec![], ..rules.roster[1].clone() };
        rules.roster.push(twin);
        let table = [
            (sender("account", "王小售", "示例公司", Some(true)), Role::Bot, None),
            (sender("robot", "机器人", "", None), Role::Bot, None),
            (sender("zhao", "赵小助", "示例公司", None), Role::Bot, None),
            (sender("wang", "别的名字", "", Some(false)), Role::PreSales, Some("王小售")),
            (sender("x1", "王小售", "示例公司", None), Role::PreSales, Some("王小售")),
            (sender("x2", " 王小售", "", Some(true)), Role::PreSales, Some("王小售")),
            (sender("x3", "李小后", "示例公司", None), Role::OtherStaff, None),
            (sender("x4", "小周", " 示例公司 ", None), Role::OtherStaff, None),
            (sender("x5", "王小售", "别家公司", None), Role::Customer, None),
            (sender("x6", "王小售", "", Some(false)), Role::Customer, None),
            (sender("x7", "路人", "", None), Role::Customer, None),
        ];
        for (sender, role, name) in table {
            let expected = (role, name.map(|name| StaffName(name.into())));
            assert_eq!(role_of(&rules, &sender), expected, "{sender:?}");
        }
    }
}
