//! Performance figures, always computed anew from the durations of single waits: never an average of averages.

use chrono::TimeDelta;

use crate::Timestamp;
use crate::calendar::Calendar;
use crate::ladder::RungId;
use crate::wait::Wait;

/// A wait to be counted.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'w> {
    /// The wait.
    pub wait: &'w Wait,
    /// It overlaps a capture gap (待核实): counted as such, and left out of everything else.
    pub in_gap: bool,
}

/// Figures of a set of waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Waits that staff answered.
    pub answered: usize,
    /// Waits that somebody cancelled.
    pub cancelled: usize,
    /// Waits still open.
    pub open: usize,
    /// Waits that overlap a capture gap, which appear in no other figure.
    pub unverified: usize,
    /// Middle reply time.
    pub median: Option<Quantile>,
    /// Nine of ten replies took at most this long.
    pub p90: Option<Quantile>,
    /// Mean reply time of the answered waits.
    pub mean: Option<TimeDelta>,
    /// Answers after more than two minutes: 回复超过2分钟次数.
    pub over_two_minutes: usize,
    /// The longest time that an open wait has lasted so far: at least so long.
    pub longest_open: Option<TimeDelta>,
    /// For each threshold, the share of waits that were answered within it.
    pub within: Vec<(RungId, Option<f64>)>,
}

/// A quantile of reply times in which open waits stand with the time they have lasted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantile {
    /// Working time.
    pub time: TimeDelta,
    /// Some open wait could still raise it: read it as "at least".
    pub at_least: bool,
}

/// Computes the figures of some waits as seen at `now`.
pub fn figures<'w>(
    samples: impl IntoIterator<Item = Sample<'w>>,
    thresholds: &[RungId],
    calendar: Calendar,
    now: Timestamp,
) -> Figures {
    let _ = (samples.into_iter().count(), thresholds, calendar, now);
    todo!()
}

/// Minutes with two decimals, as the tables show them.
pub fn minutes(time: TimeDelta) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "hundredths of minutes of any real wait fit a double exactly"
    )]
    let hundredths = (time.num_milliseconds() / 600) as f64;
    hundredths / 100.0
}
