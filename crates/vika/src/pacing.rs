//! One queue for each (sheet, token): calls evenly spaced, one in flight.
//!
//! The service counts in fixed windows of a second. A token bucket would let ten calls fall into one of them, so calls
//! are spaced instead. Whoever shares a token has to share the client: clones do.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::OwnedMutexGuard,
    time::{Instant, sleep_until},
};

/// How calls are spaced, limited in time and repeated.
#[derive(Debug, Clone)]
pub struct Pacing {
    /// Between the starts of two calls of one queue. At least 220 ms where a plan gives five calls a second.
    pub spacing: Duration,
    /// A call without an answer ends after this.
    pub timeout: Duration,
    /// Attempts at one call, the first included.
    pub attempts: u32,
    /// Before the second attempt at a call that failed; doubled with each one, up to sixteenfold.
    pub backoff: Duration,
    /// After a refusal by the rate limit, before jitter: longer than the window.
    pub rate_pause: Duration,
    /// After a creation without an answer, before its effect is looked up: the server may still be at it.
    pub settle: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            spacing: Duration::from_millis(250),
            timeout: Duration::from_secs(30),
            attempts: 4,
            backoff: Duration::from_secs(1),
            rate_pause: Duration::from_millis(1_050),
            settle: Duration::from_secs(2),
        }
    }
}

impl Pacing {
    /// The usual one for a plan that gives so many calls a second.
    pub fn per_second(calls: u32) -> Self {
        Self { spacing: Duration::from_secs(1) / calls.max(1), ..Self::default() }
    }

    /// The same with every duration converted by `real`, for a clock that runs faster than real time.
    #[must_use]
    pub fn scaled(self, real: impl Fn(Duration) -> Duration) -> Self {
        Self {
            spacing: real(self.spacing),
            timeout: real(self.timeout),
            attempts: self.attempts,
            backoff: real(self.backoff),
            rate_pause: real(self.rate_pause),
            settle: real(self.settle),
        }
    }

    /// The pause after the `failed`th attempt.
    pub(crate) fn backoff(&self, failed: u32) -> Duration {
        doubled(self.backoff, failed.saturating_sub(1))
    }
}

/// A pause doubled so many times, but no more than sixteenfold.
pub(crate) fn doubled(pause: Duration, times: u32) -> Duration {
    pause.saturating_mul(1 << times.min(4))
}

/// The time before which the next call of a queue must not start. Whoever holds it has the one call in flight.
pub(crate) type QueueSlot = OwnedMutexGuard<Instant>;

/// The queues of one client.
#[derive(Debug, Default)]
pub(crate) struct Queues(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Instant>>>>);

impl Queues {
    /// Waits until a call of this queue may start, first come, first served.
    pub async fn acquire(&self, name: &str, spacing: Duration) -> QueueSlot {
        let queue = {
            let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(queues.entry(name.to_owned()).or_insert_with(|| Arc::new(Instant::now().into())))
        };
        let mut slot = queue.lock_owned().await;
        sleep_until(*slot).await;
        *slot = Instant::now() + spacing;
        slot
    }
}

/// Up to a quarter of a second that differs between queues and attempts, so that two processes which were refused
/// together do not come back together. Nothing depends on its value.
pub(crate) fn jitter(queue: &str, attempt: u64) -> Duration {
    let mut hasher = DefaultHasher::new();
    (queue, attempt, std::process::id()).hash(&mut hasher);
    Duration::from_millis(hasher.finish() % 250)
}
