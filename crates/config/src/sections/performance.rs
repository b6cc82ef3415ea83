//! The section `performance`: who may look at the figures, and where.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use domain::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checks;
use crate::problem::Problems;

/// Characters of a session key, at least: who guesses it is everybody.
const SHORTEST_KEY: usize = 32;

/// The figures of performance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Performance {
    /// The web board; `null`: none.
    #[serde(default)]
    pub board: Option<Board>,
}

/// The web board: a page for managers, members of staff and HR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Where it is served. TLS is the business of the proxy in front of it.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// How browsers reach it, like `https://board.example.com`: links lead there, and forms are taken from there alone.
    pub public_url: String,
    /// What links and sessions are signed with: 32 characters or more. Another one ends all sessions.
    pub session_key: Secret,
    /// Who sees figures without rooms, customers and texts, by the names that their links are made out to.
    #[serde(default)]
    pub hr: Vec<String>,
    /// Whether members of staff see each other's figures; without it only their own.
    #[serde(default)]
    pub people_see_each_other: bool,
    /// Logging in by Feishu, for whoever has an `open_id` in the roster; `null`: by links alone.
    #[serde(default)]
    pub feishu_login: Option<FeishuLogin>,
}

/// Logging in by Feishu, with the app of the section `feishu`. Among its redirect URLs has to be `public_url` with
/// `/login/feishu/back`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeishuLogin {
    /// Where people log in: `https://accounts.feishu.cn`, or Lark's.
    #[serde(default = "accounts")]
    pub accounts_url: String,
}

fn accounts() -> String {
    "https://accounts.feishu.cn".to_owned()
}

impl Performance {
    pub(crate) fn check(&self, feishu: bool, problems: &mut Problems) {
        if let Some(board) = &self.board {
            board.check(feishu, problems);
        }
    }
}

impl Board {
    fn check(&self, feishu: bool, problems: &mut Problems) {
        checks::address("performance.board.public_url", &self.public_url, problems);
        let usual_port = if self.public_url.starts_with("https:") { ":443" } else { ":80" };
        if self.public_url.ends_with(usual_port) || self.public_url.chars().any(char::is_uppercase) {
            let message = format!(
                "found {:?}, expected it as browsers say where they are: small letters, and no {usual_port}",
                self.public_url
            );
            problems.add("performance.board.public_url", message);
        }
        if let Some(login) = &self.feishu_login {
            let path = "performance.board.feishu_login";
            checks::address(&format!("{path}.accounts_url"), &login.accounts_url, problems);
            if !feishu {
                problems.add(path, "found a section, expected null while feishu.enabled is false");
            }
        }
        if self.session_key.expose().chars().count() < SHORTEST_KEY {
            let message =
                format!("is too short: expected at least {SHORTEST_KEY} characters that nobody can guess");
            problems.add("performance.board.session_key", message);
        }
        let mut seen = BTreeSet::new();
        for (index, name) in self.hr.iter().enumerate() {
            let path = format!("performance.board.hr[{index}]");
            if name.trim().is_empty() || name.trim() != name {
                problems.add(path, "expected a name without blanks around it");
            } else if !seen.insert(name) {
                problems.add(path, "is named twice: expected each name once");
            }
        }
    }
}
