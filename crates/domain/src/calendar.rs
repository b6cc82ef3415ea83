//! Working time: the only clock that ladders, overdue figures and performance run on.
//!
//! Everybody asks a [`Calendar`] instead of subtracting, so that intervals, holidays and make-up days can come without
//! a change anywhere else.

use chrono::TimeDelta;

use crate::Timestamp;

/// When a stage works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Calendar {
    /// Day and night.
    #[default]
    Always,
}

impl Calendar {
    /// Working time between two moments, in milliseconds resolution; zero when `to` is not after `from`.
    pub fn working_time(self, from: Timestamp, to: Timestamp) -> TimeDelta {
        match self {
            Self::Always => (to - from).max(TimeDelta::zero()),
        }
    }

    /// The moment at which this much working time has passed; the end of time where it lies beyond.
    pub fn deadline(self, from: Timestamp, seconds: u64) -> Timestamp {
        match self {
            Self::Always => i64::try_from(seconds)
                .ok()
                .and_then(TimeDelta::try_seconds)
                .and_then(|span| from.checked_add_signed(span))
                .unwrap_or(Timestamp::MAX_UTC),
        }
    }
}
