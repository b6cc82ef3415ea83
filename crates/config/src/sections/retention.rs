//! The section `retention`: how long what was said is kept.

use domain::Timestamp;
use domain::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checks;
use crate::problem::Problems;

/// Texts are needed until a wait's cards are out and changed.
const SHORTEST: Span = Span::seconds(24 * 60 * 60);

/// How long what was said is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Messages' texts older than this are blanked everywhere they were copied to; figures stay. `null`: kept for ever.
    #[serde(default)]
    pub text: Option<Span>,
}

impl Retention {
    /// Texts from before this moment are to be blanked; `None`: none ever.
    pub fn blank_before(&self, now: Timestamp) -> Option<Timestamp> {
        let age = chrono::TimeDelta::from_std(self.text?.as_duration()).ok()?;
        now.checked_sub_signed(age)
    }

    pub(crate) fn check(&self, problems: &mut Problems) {
        if let Some(text) = self.text
            && text < SHORTEST
        {
            let message = checks::too_short(text, SHORTEST);
            problems.add("retention.text", format!("{message}, or null: cards show the last lines said"));
        }
    }
}
