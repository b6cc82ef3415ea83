//! The section `vika`: the managers' tables.

use std::collections::BTreeMap;

use domain::call_budget::Polling;
use domain::secret::Secret;
use domain::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{checks, yes};
use crate::problem::Problems;

/// How Vika's sheet ids begin.
const SHEET_PREFIX: &str = "dst";

/// The managers' tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vika {
    /// Work with Vika at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Root of the API, without a path.
    pub base_url: String,
    /// The space in which `huiyin init-vika` creates the sheets.
    pub space: String,
    /// The token that `vika-sync` writes with.
    pub sync_token: Secret,
    /// The token that `vika-reconcile` reads with; another user's, so that each has its own call allowance.
    pub reconcile_token: Secret,
    /// Display names of the users behind the two tokens: edits by these are our own.
    pub bot_names: Vec<String>,
    /// The sheets.
    pub sheets: VikaSheets,
    /// How often changed rows are written.
    pub sync_every: Span,
    /// How often managers' edits are looked for in 今日群聊.
    pub poll_every: Span,
    /// How often managers' edits are looked for in 群聊总表.
    pub poll_all_rooms_every: Span,
    /// Calls a month that the space's plan allows; 0: as many as one likes. They are spread over the month's working time:
    /// rows are written and edits looked for as often as they allow, and outside working hours seldom.
    pub calls_per_month: u64,
    /// Calls a second and sheet that the space's plan allows us; one less than the plan's figure is prudent.
    #[serde(default = "default_calls_per_second")]
    #[schemars(range(min = 1, max = 50))]
    pub calls_per_second: u32,
}

/// Sheet ids, `dst…`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VikaSheets {
    /// 今日群聊.
    pub today: String,
    /// 群聊总表.
    pub all_rooms: String,
    /// 系统信息.
    pub system_log: String,
}

const fn default_calls_per_second() -> u32 {
    4
}

impl Vika {
    /// How often edits are to be looked for.
    pub const fn polling(&self) -> Polling {
        Polling { today: self.poll_every.as_duration(), all_rooms: self.poll_all_rooms_every.as_duration() }
    }

    pub(crate) fn check(&self, problems: &mut Problems) {
        checks::address("vika.base_url", &self.base_url, problems);
        if self.bot_names.is_empty() {
            problems.add(
                "vika.bot_names",
                "found an empty list, expected the display names of the users behind the two tokens",
            );
        }
        checks::period("vika.sync_every", self.sync_every, problems);
        checks::period("vika.poll_every", self.poll_every, problems);
        checks::period("vika.poll_all_rooms_every", self.poll_all_rooms_every, problems);
        self.sheets.check(problems);
    }
}

impl VikaSheets {
    fn check(&self, problems: &mut Problems) {
        let mut seen = BTreeMap::new();
        let sheets =
            [("today", &self.today), ("all_rooms", &self.all_rooms), ("system_log", &self.system_log)];
        // Empty is how they stand until `huiyin init-vika` has made them.
        for (name, id) in sheets.into_iter().filter(|(_, id)| !id.is_empty()) {
            let path = format!("vika.sheets.{name}");
            if !id.starts_with(SHEET_PREFIX) {
                problems.add(path, format!("expected a sheet's id, which begins with `{SHEET_PREFIX}`"));
            } else if let Some(other) = seen.insert(id, name) {
                problems
                    .add(path, format!("is the same as vika.sheets.{other}: expected a sheet of its own"));
            }
        }
    }
}
