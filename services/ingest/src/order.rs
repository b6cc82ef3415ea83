//! The order of capture.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};

/// Gives each message its place in the order of capture: the time, in microseconds, or the next microsecond where that
/// is taken. Unique within a process, also while its clock stands still or goes back.
#[derive(Debug, Default)]
pub struct CaptureOrder(AtomicI64);

impl CaptureOrder {
    /// The next place, for something that comes at `now`.
    pub fn next(&self, now: DateTime<Utc>) -> i64 {
        let now = now.timestamp_micros();
        let after = |last: i64| now.max(last.saturating_add(1));
        let last = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
        after(last.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_place_is_given_twice() {
        let order = CaptureOrder::default();
        let now = DateTime::from_timestamp_micros(1_000).unwrap();
        assert_eq!([order.next(now), order.next(now)], [1_000, 1_001]);
        assert_eq!(order.next(DateTime::from_timestamp_micros(5).unwrap()), 1_002);
        assert_eq!(order.next(DateTime::from_timestamp_micros(2_000).unwrap()), 2_000);
    }
}
