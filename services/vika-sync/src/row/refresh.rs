//! When a cell that changes all the time is worth a call. Writing every minute of every wait would use up the quota.
//!
//! The rule: cells that say something new are written when they change, and the volatile ones of that row ride along
//! with their exact values. By itself a volatile cell is written only at its own steps: the minutes of a wait at each
//! full minute up to ten and at each tenth minute after that, the time of the last activity at each hour.

use serde_json::Value;

/// Up to here each minute is shown.
const FINE_MINUTES: u64 = 10;
/// Beyond, each of this many.
const COARSE_MINUTES: u64 = 10;
/// How far 最后活跃时间 may lag behind, in milliseconds.
const ACTIVITY_STEP_MS: i64 = 3_600_000;

/// When a cell is worth writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// Whenever it differs.
    Steady,
    /// Only along with another cell of its row.
    Along,
    /// Minutes of a wait.
    Minutes,
    /// A time of activity.
    Activity,
}

impl Refresh {
    /// Whether the wanted value is worth a call of its own. Both values in canonical form; they differ.
    pub fn is_due(self, confirmed: &Value, wanted: &Value) -> bool {
        match self {
            Self::Steady => true,
            Self::Along => false,
            Self::Minutes => match (confirmed.as_u64(), wanted.as_u64()) {
                (Some(confirmed), Some(wanted)) => bucket(confirmed) != bucket(wanted),
                _ => true,
            },
            Self::Activity => match (confirmed.as_i64(), wanted.as_i64()) {
                (Some(confirmed), Some(wanted)) => (wanted - confirmed).abs() >= ACTIVITY_STEP_MS,
                _ => true,
            },
        }
    }
}

/// The step that these minutes belong to.
fn bucket(minutes: u64) -> u64 {
    if minutes <= FINE_MINUTES { minutes } else { minutes / COARSE_MINUTES * COARSE_MINUTES }
}

/// The minutes at which the next step begins.
pub fn next_step(minutes: u64) -> u64 {
    if minutes < FINE_MINUTES { minutes + 1 } else { (minutes / COARSE_MINUTES + 1) * COARSE_MINUTES }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_step_finely_then_coarsely() {
        let steps: Vec<u64> = std::iter::successors(Some(0), |m| Some(next_step(*m))).take(15).collect();
        assert_eq!(steps, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40, 50]);
        for minutes in 0..200_u64 {
            let due = Refresh::Minutes.is_due(&minutes.into(), &(minutes + 1).into());
            assert_eq!(due, next_step(minutes) == minutes + 1, "from {minutes}");
        }
    }

    #[test]
    fn the_end_of_a_wait_is_written() {
        assert!(Refresh::Minutes.is_due(&35.into(), &0.into()));
        assert!(Refresh::Minutes.is_due(&Value::Null, &0.into()));
        assert!(!Refresh::Along.is_due(&1.into(), &2.into()));
        assert!(!Refresh::Activity.is_due(&0.into(), &3_599_999.into()));
        assert!(Refresh::Activity.is_due(&0.into(), &3_600_000.into()));
    }
}
