//! The section `traces`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checks;
use crate::problem::Problems;

/// Where spans are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// Root of a receiver of OpenTelemetry's protocol over HTTP, without a path: `http://otel-collector:4318`; `null`:
    /// spans are not exported.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Of how many traces in a hundred that begin with us the spans are exported. A trace that a webhook's caller began is
    /// exported if the caller records it.
    #[serde(default = "all")]
    #[schemars(range(min = 1, max = 100))]
    pub sample_percent: u8,
}

impl Default for Traces {
    fn default() -> Self {
        Self { endpoint: None, sample_percent: all() }
    }
}

impl Traces {
    pub(crate) fn check(&self, problems: &mut Problems) {
        if let Some(endpoint) = &self.endpoint {
            checks::address("traces.endpoint", endpoint, problems);
        }
    }
}

const fn all() -> u8 {
    100
}
