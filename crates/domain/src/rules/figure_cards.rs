//! When people get cards with figures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::calendar::TimeOfDay;

/// When people get cards with figures, in the zone of the rules. `null`: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FigureCards {
    /// The managers', of the day, on working days.
    #[schemars(with = "Option<String>")]
    pub day: Option<TimeOfDay>,
    /// The managers', of the week before, on the first working day of a week.
    #[schemars(with = "Option<String>")]
    pub week: Option<TimeOfDay>,
    /// Each owner's own, of the day, on working days. Nobody else gets it.
    #[schemars(with = "Option<String>")]
    pub own: Option<TimeOfDay>,
}

impl Default for FigureCards {
    fn default() -> Self {
        Self { day: Some(TimeOfDay::SIX_PM), week: Some(TimeOfDay::NINE), own: None }
    }
}

impl FigureCards {
    pub(super) fn are_default(&self) -> bool {
        *self == Self::default()
    }
}
