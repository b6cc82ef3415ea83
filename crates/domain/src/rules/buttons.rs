//! Who may press which button of a card. Whoever may not is told so, and nothing else comes of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::StaffName;
use crate::rules::Rules;

/// For each button those who may press it; nobody: an empty list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Buttons {
    /// 不用回复, its 撤销, and 已回复.
    pub no_reply_needed: Vec<Who>,
    /// 我来处理.
    pub claim: Vec<Who>,
    /// 稍后提醒, of one's own reminders.
    pub snooze: Vec<Who>,
    /// 专注, of one's own cards.
    pub focus: Vec<Who>,
    /// 休假, of oneself, and its end.
    pub away: Vec<Who>,
    /// 我的待回复, of oneself.
    pub waiting: Vec<Who>,
    /// 转交. That a manager does it, or one of the `approvers` where there are any, approves a room's way into after-sales.
    pub assign: Vec<Who>,
    /// 不再跟进, of a silent room.
    pub stop_follow_up: Vec<Who>,
}

/// Somebody who may press.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The room's owner; while there is none, anybody of the roster.
    Owner,
    /// Whoever `managers` names.
    Manager,
    /// Anybody of the roster.
    Roster,
    /// Everybody who reads the card.
    Anyone,
}

impl Default for Buttons {
    fn default() -> Self {
        Self {
            no_reply_needed: vec![Who::Owner, Who::Manager],
            claim: vec![Who::Roster],
            snooze: vec![Who::Roster],
            focus: vec![Who::Roster],
            away: vec![Who::Roster],
            waiting: vec![Who::Roster],
            assign: vec![Who::Owner, Who::Manager],
            stop_follow_up: vec![Who::Owner, Who::Manager],
        }
    }
}

impl Buttons {
    pub(super) fn are_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Rules {
    /// Whether somebody manages.
    pub fn is_manager(&self, person: &StaffName) -> bool {
        self.managers.contains(person)
    }

    /// Whether a room's way into after-sales is approved by that somebody hands it over with a button.
    pub fn approves_by_button(&self, person: &StaffName) -> bool {
        if self.approvers.is_empty() { self.is_manager(person) } else { self.may_approve(person.as_str()) }
    }

    /// Whether somebody is among these. `person`: by their name in the roster, `None`: they are not in it; `owner`: that of
    /// the room that the card is about.
    pub fn is_among(&self, who: &[Who], person: Option<&StaffName>, owner: Option<&StaffName>) -> bool {
        who.iter().any(|who| match (who, person) {
            (Who::Anyone, _) | (Who::Roster, Some(_)) => true,
            (_, None) => false,
            (Who::Manager, Some(person)) => self.is_manager(person),
            (Who::Owner, Some(person)) => owner.is_none_or(|owner| owner == person),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rules;

    #[test]
    fn each_is_whom_the_word_means() {
        let name = |name: &str| StaffName(name.into());
        let (wang, li, zhao) = (name("王小售"), name("李小后"), name("赵小助"));
        let mut rules = rules();
        rules.managers = vec![zhao.clone()];
        let may = |who, person: Option<&StaffName>, owner: Option<&StaffName>| {
            rules.is_among(&[who], person, owner)
        };
        for (who, person, owner, expected) in [
            (Who::Owner, Some(&wang), Some(&wang), true),
            (Who::Owner, Some(&li), Some(&wang), false),
            (Who::Owner, Some(&li), None, true),
            (Who::Owner, None, None, false),
            (Who::Manager, Some(&zhao), Some(&wang), true),
            (Who::Manager, Some(&wang), Some(&wang), false),
            (Who::Roster, Some(&li), Some(&wang), true),
            (Who::Roster, None, Some(&wang), false),
            (Who::Anyone, None, None, true),
        ] {
            assert_eq!(may(who, person, owner), expected, "{who:?} {person:?} {owner:?}");
        }
        assert!(!rules.is_among(&[], Some(&zhao), None), "nobody may");
    }
}
