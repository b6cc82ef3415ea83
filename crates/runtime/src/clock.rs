//! The clock: real, or moved by tests and the demo.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Tells the time, with millisecond resolution. Clones share what moves it.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
    pace: Option<Arc<Pace>>,
}

/// A time that runs faster than the system's, for tests that run services as processes: told to each of them at its
/// start, it is the same time in all, with nothing shared.
///
/// What is measured by the clock runs faster: deadlines, windows, sweeps, polls, acknowledgement waits. What belongs to
/// the machine does not: how long a call, a connection or a shutdown may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// The real moment at which it began.
    pub began: DateTime<Utc>,
    /// What time it was then.
    pub epoch: DateTime<Utc>,
    /// Its seconds in a real one; at least 1.
    pub rate: u32,
    /// Jumps forward: real milliseconds after `began`, and milliseconds jumped over.
    pub leaps: Vec<(i64, i64)>,
}

impl Pace {
    /// What time it is at a real moment.
    fn at(&self, real: DateTime<Utc>) -> DateTime<Utc> {
        let passed = (real - self.began).num_milliseconds();
        let leapt: i64 = self.leaps.iter().filter(|(at, _)| *at <= passed).map(|(_, by)| by).sum();
        self.epoch + TimeDelta::milliseconds(passed * i64::from(self.rate) + leapt)
    }
}

impl Clock {
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock of its own pace. For tests.
    pub fn paced(pace: Pace) -> Self {
        Self { pace: Some(Arc::new(pace)), ..Self::default() }
    }

    /// Now, cut to milliseconds.
    pub fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
        let now = self.at(Utc::now()) + TimeDelta::milliseconds(self.offset_ms.load(Ordering::Relaxed));
        DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
    }

    /// What this clock showed at a moment that a server of ours noted by the system's clock.
    pub fn at(&self, real: DateTime<Utc>) -> DateTime<Utc> {
        self.pace.as_ref().map_or(real, |pace| pace.at(real))
    }

    /// How long to wait really until this much time has passed on this clock.
    pub fn real(&self, time: Duration) -> Duration {
        self.pace.as_ref().map_or(time, |pace| time / pace.rate.max(1))
    }

    /// Waits until this much time has passed on this clock.
    pub async fn sleep(&self, time: Duration) {
        tokio::time::sleep(self.real(time)).await;
    }

    /// Moves this clock and its clones forward. For tests: everything that is timed by deadline follows.
    pub fn advance(&self, by: Duration) {
        let milliseconds = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.offset_ms.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paced_clock_is_a_function_of_the_real_one() {
        let (began, epoch) = ("2026-11-22T00:00:00Z", "2027-01-01T12:00:00Z");
        let (began, epoch): (DateTime<Utc>, DateTime<Utc>) = (began.parse().unwrap(), epoch.parse().unwrap());
        let clock = Clock::paced(Pace { began, epoch, rate: 20, leaps: vec![(2_000, 3_600_000)] });
        assert_eq!(clock.at(began), epoch);
        assert_eq!(clock.at(began + TimeDelta::milliseconds(1_999)), epoch + TimeDelta::milliseconds(39_980));
        let leapt = epoch + TimeDelta::seconds(40) + TimeDelta::hours(1);
        assert_eq!(clock.at(began + TimeDelta::seconds(2)), leapt);
        assert_eq!(clock.real(Duration::from_secs(1)), Duration::from_millis(50));
        assert_eq!(Clock::system().at(began), began);
        assert_eq!(Clock::system().real(Duration::from_secs(1)), Duration::from_secs(1));
    }
}
