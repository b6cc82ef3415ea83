//! Performance figures, always computed from the durations of single waits: never an average of averages.

use chrono::TimeDelta;

use crate::Timestamp;
use crate::calendar::Calendar;
use crate::ladder::RungId;
use crate::wait::{Ending, Outcome, Wait, WaitKind};

/// An answer after more than this is slow: 回复超过2分钟次数.
pub const SLOW: TimeDelta = TimeDelta::minutes(2);

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
    /// Waits that staff answered.
    pub answered: usize,
    /// Waits that somebody cancelled.
    pub cancelled: usize,
    /// Waits that somebody said were answered during a capture gap.
    pub confirmed: usize,
    /// Waits whose request was taken back.
    pub withdrawn: usize,
    /// Waits that nobody could see the end of.
    pub unobserved: usize,
    /// Waits that are still open; quantiles take them as they have lasted so far.
    pub open: usize,
    /// Waits that overlap a capture gap, which appear in no other figure.
    pub unverified: usize,
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
    /// For each threshold, the share of waits that were answered within it.
    pub within: Vec<(RungId, Option<f64>)>,
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
    let mut figures = Figures::default();
    let mut replies: Vec<TimeDelta> = Vec::new();
    let mut lasting: Vec<TimeDelta> = Vec::new();
    let mut keeping: Vec<TimeDelta> = Vec::new();
    for Sample { wait, in_gap, calendar } in samples {
        if wait.kind == WaitKind::Soft {
            figures.soft += 1;
            continue;
        }
        if in_gap {
            figures.unverified += 1;
            continue;
        }
        let from = wait.opened.at;
        if wait.kind == WaitKind::Promise {
            keeping.extend(figures.promises.count(wait, calendar));
            continue;
        }
        match &wait.outcome {
            None => lasting.push(calendar.working_time(from, now)),
            Some(Outcome { at, how: Ending::Answered { holding, .. }, .. }) => {
                figures.held += usize::from(*holding);
                replies.push(calendar.working_time(from, *at));
            }
            Some(Outcome { how: Ending::Cancelled { .. }, .. }) => figures.cancelled += 1,
            Some(Outcome { how: Ending::Confirmed { .. }, .. }) => figures.confirmed += 1,
            // Only a soft wait becomes a request.
            Some(Outcome { how: Ending::BecameRequest, .. }) => {}
            Some(Outcome { how: Ending::Withdrawn, .. }) => figures.withdrawn += 1,
            Some(Outcome { how: Ending::Unobserved, .. }) => figures.unobserved += 1,
        }
    }
    replies.sort_unstable();
    lasting.sort_unstable();
    figures.answered = replies.len();
    figures.open = lasting.len();
    figures.over_two_minutes = replies.iter().filter(|time| **time > SLOW).count();
    figures.longest_open = lasting.last().copied();
    figures.mean = mean(&replies);
    figures.promises.mean = mean(&keeping);
    figures.median = quantile(&replies, &lasting, 50);
    figures.p90 = quantile(&replies, &lasting, 90);
    figures.within = thresholds.iter().map(|rung| (*rung, share_within(&replies, &lasting, *rung))).collect();
    figures
}

impl Promises {
    /// Counts a promise; how long it took to keep it, if it was kept.
    fn count(&mut self, wait: &Wait, calendar: &Calendar) -> Option<TimeDelta> {
        match &wait.outcome {
            None => self.open += 1,
            Some(Outcome { at, how: Ending::Answered { .. }, .. }) => {
                self.kept += 1;
                self.late += usize::from(wait.due().is_some_and(|due| due < *at));
                return Some(calendar.working_time(wait.opened.at, *at));
            }
            Some(_) => self.ended += 1,
        }
        None
    }
}

fn mean(replies: &[TimeDelta]) -> Option<TimeDelta> {
    let count = i32::try_from(replies.len()).ok().filter(|count| *count > 0)?;
    Some(replies.iter().sum::<TimeDelta>() / count)
}

/// The smallest time that at least so many percent of all waits do not exceed.
fn quantile(replies: &[TimeDelta], lasting: &[TimeDelta], percent: usize) -> Option<Quantile> {
    let mut all: Vec<TimeDelta> = replies.iter().chain(lasting).copied().collect();
    all.sort_unstable();
    let rank = (all.len() * percent).div_ceil(100).checked_sub(1)?;
    let time = *all.get(rank)?;
    Some(Quantile { time, at_least: lasting.first().is_some_and(|shortest| *shortest <= time) })
}

/// Of the waits of which it is known, how many were answered within a threshold. An open wait that has not lasted that
/// long yet may still be.
fn share_within(replies: &[TimeDelta], lasting: &[TimeDelta], rung: RungId) -> Option<f64> {
    let limit = i64::try_from(rung.0).ok().and_then(TimeDelta::try_seconds).unwrap_or(TimeDelta::MAX);
    let within = replies.partition_point(|time| *time <= limit);
    let missed = replies.len() - within + lasting.iter().filter(|time| **time > limit).count();
    #[expect(clippy::cast_precision_loss, reason = "numbers of waits are far below 2^52")]
    let share = within as f64 / (within + missed) as f64;
    (within + missed > 0).then_some(share)
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
