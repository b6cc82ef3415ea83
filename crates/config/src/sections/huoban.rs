//! The section `huoban`: the figures' tables in Huoban (伙伴云).

use std::collections::BTreeMap;

use domain::calendar::TimeOfDay;
use domain::secret::Secret;
use domain::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checks;
use crate::problem::Problems;

/// Most digits that an id may have.
const MAX_DIGITS: usize = 32;

/// The figures' tables in Huoban.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Huoban {
    /// Work with Huoban at all.
    #[serde(default)]
    pub enabled: bool,
    /// Root of the API, without a path.
    pub base_url: String,
    /// The key of the API, made in the company's console.
    pub api_key: Secret,
    /// How the key is sent: `Bearer KEY`, as the official pages say, or `KEY` alone.
    #[serde(default)]
    pub key_form: HuobanKeyForm,
    /// The id of the space (工作区), in which tables are looked for by name; empty when both are given by id.
    #[serde(default)]
    pub space: String,
    /// The tables.
    #[serde(default)]
    pub tables: HuobanTables,
    /// How often changed rows are written.
    pub sync_every: Span,
    /// When, every day, what stands there is read back and put right, in the zone of the rules.
    #[schemars(with = "String")]
    pub compare_at: TimeOfDay,
    /// How many past days are read back then.
    #[serde(default = "default_days")]
    #[schemars(range(min = 1, max = 62))]
    pub compare_days: u16,
    /// Calls a second.
    #[serde(default = "default_calls_per_second")]
    #[schemars(range(min = 1, max = 5))]
    pub calls_per_second: u32,
    /// Calls within an hour; what is left over waits for the next one.
    #[serde(default = "default_calls_per_hour")]
    #[schemars(range(min = 10, max = 100_000))]
    pub calls_per_hour: u32,
    /// Calls within 24 hours.
    #[serde(default = "default_calls_per_day")]
    #[schemars(range(min = 10, max = 1_000_000))]
    pub calls_per_day: u32,
    /// Rows of a page.
    #[serde(default = "default_page_size")]
    #[schemars(range(min = 1, max = 50))]
    pub page_size: u32,
    /// Codes of answers that mean something of their own.
    #[serde(default)]
    pub codes: HuobanCodes,
}

/// How the key is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HuobanKeyForm {
    /// `Bearer KEY`.
    #[default]
    Bearer,
    /// `KEY`.
    Bare,
}

/// The tables, each by its id (digits) or by its name in the space; empty: by its usual name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HuobanTables {
    /// A row for each person and day, usually called 销售每日响应.
    #[serde(default)]
    pub person_days: String,
    /// A row for each room and day, usually called 群聊每日响应.
    #[serde(default)]
    pub room_days: String,
}

/// Codes of answers. Huoban publishes no list: what its support or its answers tell is entered here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HuobanCodes {
    /// The key is refused.
    #[serde(default = "known_key_refused")]
    pub key_refused: Vec<i64>,
    /// The table is missing.
    #[serde(default = "known_table_missing")]
    pub table_missing: Vec<i64>,
    /// Calls came too fast.
    #[serde(default)]
    pub throttled: Vec<i64>,
    /// The plan's calls are used up.
    #[serde(default)]
    pub used_up: Vec<i64>,
}

impl Default for HuobanCodes {
    fn default() -> Self {
        Self {
            key_refused: known_key_refused(),
            table_missing: known_table_missing(),
            throttled: Vec::new(),
            used_up: Vec::new(),
        }
    }
}

fn known_key_refused() -> Vec<i64> {
    vec![9_600_001]
}

fn known_table_missing() -> Vec<i64> {
    vec![3_500_002]
}

const fn default_days() -> u16 {
    7
}

const fn default_calls_per_second() -> u32 {
    4
}

const fn default_calls_per_hour() -> u32 {
    2_000
}

const fn default_calls_per_day() -> u32 {
    20_000
}

const fn default_page_size() -> u32 {
    50
}

fn is_id(text: &str) -> bool {
    (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

impl Huoban {
    pub(crate) fn check(&self, problems: &mut Problems) {
        checks::address("huoban.base_url", &self.base_url, problems);
        checks::period("huoban.sync_every", self.sync_every, problems);
        let key = self.api_key.expose();
        // Sent as a header, where anything else would be another call, or none.
        if !key.bytes().all(|b| b.is_ascii_graphic()) {
            problems.add("huoban.api_key", "expected letters, digits and signs without blanks");
        } else if key.to_lowercase().starts_with("bearer") {
            problems.add(
                "huoban.api_key",
                "expected the key alone: `huoban.key_form` says what stands before it",
            );
        }
        self.check_tables(problems);
    }

    fn check_tables(&self, problems: &mut Problems) {
        let tables = [("person_days", &self.tables.person_days), ("room_days", &self.tables.room_days)];
        let by_name = tables.iter().any(|(_, table)| !is_id(table));
        if !self.space.is_empty() && !is_id(&self.space) {
            problems.add("huoban.space", "expected the id of a space, which is digits");
        } else if self.space.is_empty() && by_name {
            problems.add(
                "huoban.space",
                "is empty: expected the space's id, or the ids of both tables in huoban.tables",
            );
        }
        let mut seen = BTreeMap::new();
        for (name, table) in tables.into_iter().filter(|(_, table)| !table.is_empty()) {
            if let Some(other) = seen.insert(table, name) {
                let message = format!("is the same as huoban.tables.{other}: expected a table of its own");
                problems.add(format!("huoban.tables.{name}"), message);
            }
        }
        if self.calls_per_day < self.calls_per_hour {
            problems.add("huoban.calls_per_day", "is less than huoban.calls_per_hour");
        }
    }
}
