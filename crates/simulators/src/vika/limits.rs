//! The two limits of the hosted service: calls a second, and calls a month.

use std::time::Duration;

use chrono::DateTime;
use tokio::time::Instant;

use super::{
    messages::{self, ApiError},
    state::World,
};

const WINDOW: Duration = Duration::from_secs(1);

/// A fixed window that starts with its first call. It does not slide and does not refill.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    started: Instant,
    used: u32,
}

impl World {
    /// Counts a call against its window. `key` is the sheet, else the space, else the user, with the token.
    pub fn admit_rate(&mut self, key: String, now: Instant) -> Result<(), ApiError> {
        let limit = self.settings.rate_limit;
        if limit == 0 {
            return Ok(());
        }
        let window = self.windows.entry(key).or_insert(Window { started: now, used: 0 });
        if now.duration_since(window.started) >= WINDOW {
            *window = Window { started: now, used: 0 };
        }
        if window.used >= limit {
            return Err(messages::rate_limited(limit));
        }
        window.used += 1;
        Ok(())
    }

    /// Counts a call against the month of its space. Calls that fail validation later are counted too.
    pub fn admit_usage(&mut self, space: &str, now_ms: i64) -> Result<(), ApiError> {
        let quota = self.settings.monthly_quota;
        let used = self.usage.entry((space.to_owned(), month(now_ms))).or_default();
        if quota > 0 && *used >= quota {
            return Err(messages::usage_exceeded());
        }
        *used += 1;
        Ok(())
    }
}

/// The usage period a time lies in, `YYYY-MM`.
pub(super) fn month(now_ms: i64) -> String {
    DateTime::from_timestamp_millis(now_ms).map(|t| t.format("%Y-%m").to_string()).unwrap_or_default()
}
