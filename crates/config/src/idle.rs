//! What is switched off: nothing is asked of it, neither settings nor secrets, since nobody uses them.

use serde_json::Value;

use super::path::Path;
use super::problem::{Fault, Remedy};
use super::sections::SWITCHED;

/// The sections whose `enabled` is false.
pub(super) struct Idle(Vec<Path>);

impl Idle {
    /// Those of a merged configuration.
    pub(super) fn of(merged: &Value) -> Self {
        let is_off = |section: &&&str| merged[**section]["enabled"] == Value::Bool(false);
        Self(SWITCHED.iter().filter(is_off).map(|section| Path::default().key(section)).collect())
    }

    /// Whether a place lies in one of them.
    pub(super) fn holds(&self, place: &Path) -> bool {
        self.holds_text(&place.to_string())
    }

    /// The same for a place in words.
    pub(super) fn holds_text(&self, place: &str) -> bool {
        self.0.iter().any(|section| section.covers(place))
    }

    /// Whether nobody need hear of a fault. A key that is unknown is a slip of the pen wherever it stands.
    pub(super) fn excuses(&self, fault: &Fault) -> bool {
        fault.remedy != Remedy::Remove && self.holds(&fault.path)
    }
}
