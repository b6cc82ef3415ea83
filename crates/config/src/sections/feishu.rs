//! The section `feishu`: the cards. Where people are reached stands in the roster of the rules.

use std::net::SocketAddr;

use domain::address::FeishuChat;
use domain::calendar::TimeOfDay;
use domain::rules::{Rules, Team};
use domain::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{checks, yes};
use crate::problem::Problems;

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
    /// The chat that everybody reads, `oc_…`.
    pub public_chat: String,
    /// When, on a working day, the public chat gets the list of all who still wait after their last reminder, in the zone
    /// of the rules.
    #[serde(default = "nine")]
    #[schemars(with = "String")]
    pub unanswered_at: TimeOfDay,
    /// When, on a working day, each owner gets the list of their rooms that have fallen silent, in the zone of the rules.
    #[serde(default = "half_past_nine")]
    #[schemars(with = "String")]
    pub follow_ups_at: TimeOfDay,
}

const fn nine() -> TimeOfDay {
    TimeOfDay::NINE
}

const fn half_past_nine() -> TimeOfDay {
    TimeOfDay::HALF_PAST_NINE
}

impl Feishu {
    pub(crate) fn check(&self, rules: &Rules, problems: &mut Problems) {
        checks::address("feishu.base_url", &self.base_url, problems);
        if !self.public_chat.starts_with(FeishuChat::PREFIX) {
            problems.add("feishu.public_chat", checks::chat_expected());
        }
        for (name, chat) in &rules.chats {
            if chat.feishu.as_str() == self.public_chat {
                let message =
                    "is the same chat as feishu.public_chat: expected another, or `public` in the ladders";
                problems.add(format!("rules.chats.{name}.feishu"), message);
            }
        }
        self.check_owners(rules, problems);
    }

    /// Whoever can own a room needs a chat of their own, or what is meant for them is read by all.
    fn check_owners(&self, rules: &Rules, problems: &mut Problems) {
        for (index, entry) in rules.roster.iter().enumerate() {
            let path = format!("rules.roster[{index}].addresses.feishu.chat");
            match entry.feishu_chat() {
                Some(chat) if chat == self.public_chat => problems
                    .add(path, "is the same chat as feishu.public_chat: expected a chat of this person's own"),
                None if entry.team != Team::Other => problems.add(
                    path,
                    "is missing: expected the private chat (`oc_…`) of everybody in pre-sales and after-sales",
                ),
                _ => {}
            }
        }
    }
}
