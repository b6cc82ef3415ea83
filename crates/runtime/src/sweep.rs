//! What is done once a day: a clock that says when, for loops that tick all the time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// How often a loop looks whether it is time. Loops tick in real time and compare with the clock, which tests move.
pub const TICK: Duration = Duration::from_secs(5);
/// The time between two rounds.
const EVERY: TimeDelta = TimeDelta::days(1);

/// When the next round is due.
#[derive(Debug, Clone, Copy, Default)]
pub struct Daily {
    done_at: Option<DateTime<Utc>>,
}

impl Daily {
    /// Whether it is time for a round; the first is due at once.
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.done_at.is_none_or(|done| now - done >= EVERY)
    }

    /// A round is over, and nothing was left.
    pub fn done(&mut self, now: DateTime<Utc>) {
        self.done_at = Some(now);
    }
}
