//! Faults that a test orders: the next calls that fit meet them, in the order they were ordered.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::state::World;

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultKind {
    /// A JSON error with HTTP `status` (500 unless given); nothing is done.
    Status,
    /// A gateway's HTML page with HTTP 502; nothing is done.
    Html,
    /// The work is done, and the connection is cut before a byte of the answer.
    DropAfter,
    /// The connection is cut; nothing is done.
    DropBefore,
    /// The answer is `ms` late; the work is done after the wait.
    Delay,
    /// HTTP 429 whatever the window says.
    RateLimit,
    /// HTTP 403 with the usage text.
    Quota,
    /// No answer, ever; nothing is done.
    Hang,
    /// Success is said and nothing is stored, as seen after a licence limit.
    Swallow,
}

impl FaultKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Html => "html",
            Self::DropAfter => "drop_after",
            Self::DropBefore => "drop_before",
            Self::Delay => "delay",
            Self::RateLimit => "rate_limit",
            Self::Quota => "quota",
            Self::Hang => "hang",
            Self::Swallow => "swallow",
        }
    }
}

/// A fault in waiting, as `POST /_sim/faults` takes it. Absent conditions fit every call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    pub kind: FaultKind,
    /// How many calls it meets.
    #[serde(default = "once")]
    pub times: u32,
    /// `GET`, `POST` …
    pub method: Option<String>,
    /// `records`, `fields`, `views`, `datasheets`, `nodes`, `spaces`, `timemachine`.
    pub route: Option<String>,
    pub sheet: Option<String>,
    /// Display name of the token's user.
    pub user: Option<String>,
    /// A text that stands in the body.
    pub body: Option<String>,
    /// For `status`.
    pub status: Option<u16>,
    /// For `delay`.
    pub ms: Option<u64>,
}

fn once() -> u32 {
    1
}

/// What a fault is matched against.
pub(super) struct Target<'a> {
    pub method: &'a str,
    pub route: &'a str,
    pub sheet: Option<&'a str>,
    pub user: Option<&'a str>,
    /// As it was sent, but for its spaces and escapes.
    pub body: &'a Value,
}

impl World {
    /// The first fault in waiting that fits, used up by one.
    pub fn take_fault(&mut self, target: &Target<'_>) -> Option<Fault> {
        let fits =
            |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
        let index = self.faults.iter().position(|fault| {
            fits(&fault.method, Some(target.method))
                && fits(&fault.route, Some(target.route))
                && fits(&fault.sheet, target.sheet)
                && fits(&fault.user, target.user)
                && fault.body.as_ref().is_none_or(|text| target.body.to_string().contains(text))
        })?;
        let fault = self.faults[index].clone();
        self.faults[index].times = fault.times.saturating_sub(1);
        if self.faults[index].times == 0 {
            self.faults.remove(index);
        }
        Some(fault)
    }
}
