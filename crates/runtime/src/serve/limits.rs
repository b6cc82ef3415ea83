//! What a listener takes from the outside.

use std::num::NonZeroU32;
use std::time::Duration;

/// The bounds of one listener. Whatever exceeds them is refused and counted; others go on.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections open at the same time; more wait in the system's queue until one is closed.
    pub connections: usize,
    /// Connections of one client at the same time; more are closed at once, so that nobody takes all of them.
    pub connections_per_client: usize,
    /// How long a request's head may take to come in, and how long a connection may be idle between requests.
    pub head: Duration,
    /// How long a request may take from its head to its answer, its body included; `None`: as long as it likes.
    pub request: Option<Duration>,
    /// Bytes of a body, unless a route sets its own.
    pub body: usize,
    /// Requests of one client.
    pub rate: Rate,
}

/// So often in the long run, and so many at once.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// One more after so long.
    pub every: Duration,
    pub burst: NonZeroU32,
}

impl Rate {
    /// So many a second, and so many at once.
    ///
    /// # Panics
    /// When one of them is zero: in a constant, while compiling.
    pub const fn per_second(count: u32, burst: u32) -> Self {
        Self::one_in(Duration::from_nanos(1_000_000_000 / count as u64), burst)
    }

    /// One in so long, and so many at once.
    ///
    /// # Panics
    /// When one of them is zero: in a constant, while compiling.
    pub const fn one_in(every: Duration, burst: u32) -> Self {
        match NonZeroU32::new(burst) {
            Some(burst) if !every.is_zero() => Self { every, burst },
            _ => panic!("a rate of nothing"),
        }
    }
}

impl Limits {
    /// For what strangers can reach: the webhook and card callbacks.
    pub const OUTWARD: Self = Self {
        connections: 1_000,
        connections_per_client: 200,
        head: Duration::from_secs(15),
        request: Some(Duration::from_secs(30)),
        body: 64 * 1024,
        rate: Rate::per_second(500, 1_000),
    };

    /// For health and metrics, which a few programs of our own ask for.
    pub const INWARD: Self = Self {
        connections: 100,
        connections_per_client: 20,
        head: Duration::from_secs(10),
        request: Some(Duration::from_secs(10)),
        body: 1024,
        rate: Rate::per_second(20, 100),
    };

    /// For the demo's page and simulators, on loopback: one person, and tests that hurry. No request deadline, since
    /// simulators hang on purpose.
    pub const LOOPBACK: Self = Self {
        connections: 1_000,
        connections_per_client: 1_000,
        head: Duration::from_secs(30),
        request: None,
        body: 8 * 1024 * 1024,
        rate: Rate::per_second(10_000, 20_000),
    };
}
