//! Growing pauses: each failure in a row doubles the pause, up to a limit.

use std::time::Duration;

/// How long to pause after failures in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Pauses from `first` to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The pause after so many failures in a row, of which the first is 1.
    pub fn after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(u32::BITS - 1);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        let pauses = [0, 1, 2, 3, 4, 5, 6, u32::MAX].map(|failures| backoff.after(failures).as_millis());
        assert_eq!(pauses, [200, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        let unlimited = Backoff::new(Duration::from_secs(u64::MAX / 2), Duration::MAX);
        assert_eq!(unlimited.after(u32::MAX), Duration::MAX);
    }
}
