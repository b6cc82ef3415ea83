//! The section `logs`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use crate::problem::Problems;

/// Logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// What is logged, e.g. `info` or `info,room_state=debug`.
    pub filter: String,
    /// How lines look.
    #[serde(default)]
    pub format: LogFormat,
}

impl Default for Logs {
    fn default() -> Self {
        Self { filter: "info,sqlx=warn,async_nats=warn".to_owned(), format: LogFormat::default() }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

impl Logs {
    pub(crate) fn check(&self, problems: &mut Problems) {
        if EnvFilter::try_new(&self.filter).is_err() {
            problems.add("logs.filter", "expected levels like \"info\" or \"info,room_state=debug\"");
        }
    }
}
