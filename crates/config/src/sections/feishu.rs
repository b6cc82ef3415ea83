//! The section `feishu`: the cards.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use domain::calendar::TimeOfDay;
use domain::id::StaffName;
use domain::rules::{Rules, Team};
use domain::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{checks, yes};
use crate::problem::Problems;

/// How Feishu's chat ids begin.
pub(super) const CHAT_PREFIX: &str = "oc_";
/// How Feishu's people's ids begin.
pub(super) const PERSON_PREFIX: &str = "ou_";

/// The cards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feishu {
    /// Work with Feishu at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Root of the API: `https://open.feishu.cn`, or Lark's.
    pub base_url: String,
    /// The app's id, `cli_…`.
    pub app_id: String,
    /// The app's secret.
    pub app_secret: Secret,
    /// The key that callbacks are encrypted and signed with.
    pub encrypt_key: Secret,
    /// The token that callbacks carry.
    pub verification_token: Secret,
    /// Where card callbacks arrive.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Private chat of each member of staff, `oc_…` by roster name.
    pub chats: BTreeMap<StaffName, String>,
    /// The chat that everybody reads, `oc_…`.
    pub public_chat: String,
    /// Names shown for people who click, by their `ou_…` id.
    #[serde(default)]
    pub people: BTreeMap<String, String>,
    /// When, on a working day, the public chat gets the list of all who still wait after their last reminder, in the zone
    /// of the rules.
    #[serde(default = "nine")]
    #[schemars(with = "String")]
    pub unanswered_at: TimeOfDay,
}

const fn nine() -> TimeOfDay {
    TimeOfDay::NINE
}

impl Feishu {
    pub(crate) fn check(&self, rules: &Rules, problems: &mut Problems) {
        checks::address("feishu.base_url", &self.base_url, problems);
        self.check_chats(problems);
        self.check_chat_owners(rules, problems);
    }

    /// Each chat belongs to one, or what is meant for one is read by another.
    fn check_chats(&self, problems: &mut Problems) {
        let mut owners = BTreeMap::from([(self.public_chat.as_str(), "feishu.public_chat".to_owned())]);
        if !self.public_chat.starts_with(CHAT_PREFIX) {
            problems.add(
                "feishu.public_chat",
                format!("expected a chat's id, which begins with `{CHAT_PREFIX}`"),
            );
        }
        for (name, chat) in &self.chats {
            let path = format!("feishu.chats.{name}");
            if !chat.starts_with(CHAT_PREFIX) {
                problems.add(path, format!("expected a chat's id, which begins with `{CHAT_PREFIX}`"));
            } else if let Some(other) = owners.get(chat.as_str()) {
                problems
                    .add(path, format!("is the same chat as {other}: expected a chat of this person's own"));
            } else {
                owners.insert(chat, path);
            }
        }
    }

    /// Whoever can own a room needs a chat, and whoever has a chat must be known.
    fn check_chat_owners(&self, rules: &Rules, problems: &mut Problems) {
        for name in self.chats.keys() {
            if !rules.roster.iter().any(|entry| entry.name == *name) {
                problems.add(
                    format!("feishu.chats.{name}"),
                    "nobody in rules.roster has this name: expected a name as it stands there",
                );
            }
        }
        for entry in &rules.roster {
            if entry.team != Team::Other && !self.chats.contains_key(&entry.name) {
                problems.add(
                    format!("feishu.chats.{}", entry.name),
                    "is missing: expected the private chat (`oc_…`) of everybody in pre-sales and after-sales",
                );
            }
        }
    }
}
