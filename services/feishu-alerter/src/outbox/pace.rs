//! How fast: spacing of calls, the growing pause after failures, and the stop of everything.

use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use domain::Timestamp;
use runtime::{Backoff, Clock};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The pauses after failures of a card.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(1));

/// A card that this release cannot make is left alone this long.
pub const DEFER_FOR: TimeDelta = TimeDelta::seconds(30);

/// Gives each call its moment.
#[derive(Debug)]
pub struct Pace {
    spacing: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// With so much between two calls.
    pub fn new(spacing: Duration) -> Self {
        Self { spacing, next: Mutex::default() }
    }

    /// Waits until the next call may be made.
    pub async fn wait(&self, clock: &Clock) {
        let moment = {
            let mut next = self.next.lock().await;
            let now = Instant::now();
            let moment = next.map_or(now, |next| next.max(now));
            *next = Some(moment + clock.real(self.spacing));
            moment
        };
        tokio::time::sleep_until(moment).await;
    }
}

/// When to try again after the `attempts`th attempt failed: a growing pause with jitter, or longer if the channel says so.
pub fn next_attempt(attempts: i32, advised: Option<Duration>, now: Timestamp) -> Timestamp {
    let pause = BACKOFF.after(u32::try_from(attempts).unwrap_or_default());
    // Between three quarters and five quarters of it.
    #[expect(clippy::cast_possible_truncation, reason = "at most 75 seconds, in milliseconds")]
    let jittered = (pause.as_secs_f64() * (750.0 + 500.0 * runtime::random::fraction())) as i64;
    let advised = advised.and_then(|advised| TimeDelta::from_std(advised).ok()).unwrap_or_default();
    now + TimeDelta::milliseconds(jittered).max(advised)
}

/// Stops every call of a channel for a while: what failed would fail for every card.
#[derive(Debug)]
pub struct Pause {
    channel: &'static str,
    until: StdMutex<Option<Timestamp>>,
}

impl Pause {
    /// Not stopped.
    pub fn of(channel: &'static str) -> Self {
        Self { channel, until: StdMutex::default() }
    }

    /// Stops everything until then.
    pub fn set(&self, until: Timestamp) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        metrics::gauge!("channel_calls_stopped", "channel" => self.channel).set(1.0);
    }

    /// Whether everything is stopped.
    pub fn holds(&self, now: Timestamp) -> bool {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.is_some_and(|until| until <= now) {
            *until = None;
            metrics::gauge!("channel_calls_stopped", "channel" => self.channel).set(0.0);
        }
        until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_heed_advice() {
        let now = Timestamp::from_timestamp(1_795_052_800, 0).unwrap();
        for (attempts, seconds) in [(1, 1), (2, 2), (4, 8), (7, 60), (400, 60)] {
            let pause = (next_attempt(attempts, None, now) - now).num_milliseconds();
            assert!((seconds * 750..=seconds * 1_250).contains(&pause), "{attempts}: {pause} ms");
        }
        assert!(next_attempt(1, Some(Duration::from_secs(9)), now) >= now + TimeDelta::seconds(9));
    }

    #[test]
    fn a_pause_ends_by_itself() {
        let now = Timestamp::from_timestamp(1_795_052_800, 0).unwrap();
        let pause = Pause::of("feishu");
        assert!(!pause.holds(now));
        pause.set(now + TimeDelta::seconds(60));
        assert!(pause.holds(now + TimeDelta::seconds(59)));
        assert!(!pause.holds(now + TimeDelta::seconds(60)));
    }
}
