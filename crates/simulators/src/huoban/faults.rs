//! Faults that a test orders: the next calls that fit meet them, in the order they were ordered.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::world::World;

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultKind {
    /// HTTP `status` (500 unless given) with a JSON error; nothing is done.
    Status,
    /// `code` under HTTP 200; nothing is done.
    Code,
    /// A proxy's HTML page with HTTP 502; nothing is done.
    Html,
    /// Success with a body that is no JSON; the work is done.
    Garbage,
    /// The work is done, and the connection is cut before a byte of the answer.
    DropAfter,
    /// The connection is cut; nothing is done.
    DropBefore,
    /// The connection is cut at once, and the work is done `ms` later.
    Late,
    /// The answer is `ms` late; the work is done after the wait.
    Delay,
    /// Refused as too fast, whatever the window says.
    Throttle,
    /// The plan's calls are used up.
    UsedUp,
    /// Success is said and nothing is stored.
    Swallow,
}

impl FaultKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Code => "code",
            Self::Html => "html",
            Self::Garbage => "garbage",
            Self::DropAfter => "drop_after",
            Self::DropBefore => "drop_before",
            Self::Late => "late",
            Self::Delay => "delay",
            Self::Throttle => "throttle",
            Self::UsedUp => "used_up",
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
    /// `POST`, `PUT`, `DELETE`.
    pub method: Option<String>,
    /// What the path begins with, below the root: `item/list`, `table/`.
    pub path: Option<String>,
    /// The whole path, below the root: `item` is the creation.
    pub exactly: Option<String>,
    /// A text that stands in the body.
    pub body: Option<String>,
    /// For `status`.
    pub status: Option<u16>,
    /// For `code`.
    pub code: Option<i64>,
    /// For `late` and `delay`.
    pub ms: Option<u64>,
}

fn once() -> u32 {
    1
}

impl World {
    /// The first fault in waiting that fits, used up by one.
    pub fn take_fault(&mut self, method: &str, path: &str, body: &Value) -> Option<Fault> {
        let index = self.faults.iter().position(|fault| {
            fault.method.as_ref().is_none_or(|wanted| wanted == method)
                && fault.path.as_ref().is_none_or(|wanted| path.starts_with(wanted.as_str()))
                && fault.exactly.as_ref().is_none_or(|wanted| wanted == path)
                && fault.body.as_ref().is_none_or(|text| body.to_string().contains(text.as_str()))
        })?;
        let fault = self.faults[index].clone();
        self.faults[index].times = fault.times.saturating_sub(1);
        if self.faults[index].times == 0 {
            self.faults.remove(index);
        }
        Some(fault)
    }
}
