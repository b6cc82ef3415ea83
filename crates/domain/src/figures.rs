//! Performance figures, always computed from the durations of single waits: never an average of averages.
//!
//! A [`Tally`] holds what is known of a set of waits, duration by duration, and can be added to others; [`Figures`] are
//! computed from one.

mod tally;

use chrono::TimeDelta;

use crate::Timestamp;
use crate::calendar::Calendar;
use crate::ladder::RungId;
use crate::wait::Wait;

pub use tally::{LeftOut, Promised, Tally};

/// An answer after more than this is slow: 回复超过2分钟次数.
pub const SLOW: TimeDelta = TimeDelta::minutes(2);
/// Figures of fewer answered and open waits say little: 样本少.
pub const FEW: usize = 10;

/// A wait to be counted.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'w> {
    /// A wait that has ended or is open.
    pub wait: &'w Wait,
    /// It overlaps a capture gap (待核实): counted as such, and left out of everything else.
    pub in_gap: bool,
    /// What its working time is counted by.
    pub calendar: &'w Calendar,
}

/// Figures of a set of waits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Waits that count, however they went.
    pub asked: usize,
    /// Waits that staff answered.
    pub answered: usize,
    /// Waits that somebody cancelled.
    pub cancelled: usize,
    /// How long those had lasted by then, together.
    pub cancelled_after: TimeDelta,
    /// Waits that somebody said were answered during a capture gap.
    pub confirmed: usize,
    /// Waits whose request was taken back.
    pub withdrawn: usize,
    /// Waits that nobody could see the end of.
    pub unobserved: usize,
    /// Waits that are still open; quantiles take them as they have lasted so far.
    pub open: usize,
    /// Waits that appear in no other figure, by why they do not.
    pub left_out: LeftOut,
    /// Of the answers those that only said that another will follow: 稍等.
    pub held: usize,
    /// What was promised so.
    pub promises: Promises,
    /// Soft waits, however they went, which appear in no other figure.
    pub soft: usize,
    /// Middle reply time: half of the replies took at most this long.
    pub median: Option<Quantile>,
    /// Nine of ten replies took at most this long.
    pub p90: Option<Quantile>,
    /// Mean reply time of the answered waits.
    pub mean: Option<TimeDelta>,
    /// Answers after more than two minutes: 回复超过2分钟次数.
    pub over_two_minutes: usize,
    /// The longest time that an open wait has lasted so far: at least so long.
    pub longest_open: Option<TimeDelta>,
    /// For each threshold, how many waits were answered within it.
    pub within: Vec<(RungId, Within)>,
}

impl Figures {
    /// How many waits were answered within a threshold; `None`: it is none of those that were asked for.
    pub fn within_threshold(&self, threshold: RungId) -> Option<Within> {
        self.within.iter().find(|(of, _)| *of == threshold).map(|(_, within)| *within)
    }

    /// Whether there are too few waits for quantiles and shares to say much.
    pub const fn is_few(&self) -> bool {
        self.answered + self.open < FEW
    }
}

/// How many waits were answered within a time, of those of which it is known: an open wait that has not lasted that long
/// yet may still be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Within {
    /// Answered within it.
    pub within: usize,
    /// Of so many.
    pub of: usize,
}

impl Within {
    /// From 0 to 1; `None` of nothing.
    pub fn share(self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "numbers of waits are far below 2^52")]
        let share = self.within as f64 / self.of as f64;
        (self.of > 0).then_some(share)
    }
}

/// Figures of promises, which are in no other figure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Promises {
    /// Those that were kept.
    pub kept: usize,
    /// Those that are still to be kept.
    pub open: usize,
    /// Those that ended otherwise: cancelled, confirmed, or nobody could see their end.
    pub ended: usize,
    /// Of those that were to be kept at a plainly stated time, how many were kept later.
    pub late: usize,
    /// Mean working time from a promise to its keeping.
    pub mean: Option<TimeDelta>,
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
    now: Timestamp,
) -> Figures {
    let mut tally = Tally::default();
    for sample in samples {
        tally.count(sample, now);
    }
    tally.figures(thresholds)
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
