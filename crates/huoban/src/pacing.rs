//! One queue for each client: calls evenly spaced, one in flight.
//!
//! No rate limit is published. Public code pauses for 0.2 s before each call; ours may be set slower, and never faster.

use std::time::Duration;

use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep_until},
};

/// Pauses between attempts grow no longer.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);

/// How calls are spaced, limited in time and repeated.
#[derive(Debug, Clone)]
pub struct Pacing {
    /// Between the starts of two calls.
    pub spacing: Duration,
    /// A call without an answer ends after this.
    pub timeout: Duration,
    /// Attempts at one call, the first included.
    pub attempts: u32,
    /// Before the second attempt; doubled with each one, up to a minute.
    pub backoff: Duration,
    /// After a creation without an answer, before its key is looked for: the server may still be at it.
    pub settle: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            spacing: Duration::from_millis(250),
            timeout: Duration::from_secs(30),
            attempts: 5,
            backoff: Duration::from_secs(1),
            settle: Duration::from_secs(3),
        }
    }
}

impl Pacing {
    /// The usual one with so many calls a second.
    pub fn per_second(calls: u32) -> Self {
        Self { spacing: Duration::from_secs(1) / calls.max(1), ..Self::default() }
    }

    /// The pause after the `failed`th attempt, with up to a quarter more, so that two who failed together do not come
    /// back together.
    pub(crate) fn backoff(&self, failed: u32) -> Duration {
        let pause = self.backoff.saturating_mul(1 << failed.saturating_sub(1).min(6)).min(LONGEST_BACKOFF);
        pause + pause.mul_f64(f64::from(std::process::id() % 16) / 64.0)
    }
}

/// The time before which the next call must not start. Whoever holds it has the one call in flight.
#[derive(Debug)]
pub(crate) struct Queue(Mutex<Instant>);

impl Queue {
    pub fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// Waits until a call may start, first come, first served.
    pub async fn acquire(&self, spacing: Duration) -> MutexGuard<'_, Instant> {
        let mut slot = self.0.lock().await;
        sleep_until(*slot).await;
        *slot = Instant::now() + spacing;
        slot
    }
}
