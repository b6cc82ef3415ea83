//! What is known of a set of waits, duration by duration, so that sets can be put together.

use chrono::TimeDelta;

use super::{Figures, Promises, Quantile, SLOW, Sample, Within};
use crate::Timestamp;
use crate::ladder::RungId;
use crate::wait::{Ending, Outcome, Wait, WaitKind};

/// What is known of a set of waits. Times are working times, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How long each answered wait lasted.
    pub replies: Vec<TimeDelta>,
    /// How long each open wait has lasted so far.
    pub lasting: Vec<TimeDelta>,
    /// How long each cancelled wait had lasted by then.
    pub cancelled: Vec<TimeDelta>,
    /// Waits that somebody said were answered during a capture gap.
    pub confirmed: usize,
    /// Waits whose request was taken back.
    pub withdrawn: usize,
    /// Waits that nobody could see the end of.
    pub unobserved: usize,
    /// Of the answers those that only said that another will follow.
    pub held: usize,
    /// Soft waits, however they went.
    pub soft: usize,
    /// Promises.
    pub promised: Promised,
    /// What is in none of these.
    pub left_out: LeftOut,
}

/// What is known of a set of promises.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Promised {
    /// How long it took to keep each that was kept.
    pub kept: Vec<TimeDelta>,
    /// Of those the ones that were kept after a plainly stated time.
    pub late: usize,
    /// Those that are still to be kept.
    pub open: usize,
    /// Those that ended otherwise.
    pub ended: usize,
}

/// Waits that are in no figure, by the first reason that holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The rules exclude their room.
    pub excluded: usize,
    /// An imported message opened them.
    pub history: usize,
    /// They began before go-live.
    pub rehearsal: usize,
    /// They overlap a capture gap (待核实).
    pub unverified: usize,
}

impl LeftOut {
    /// All of them.
    pub const fn total(self) -> usize {
        self.excluded + self.history + self.rehearsal + self.unverified
    }
}

impl Tally {
    /// Counts a wait as seen at `now`.
    pub(super) fn count(&mut self, Sample { wait, in_gap, calendar }: Sample<'_>, now: Timestamp) {
        if wait.kind == WaitKind::Soft {
            self.soft += 1;
            return;
        }
        if in_gap {
            self.left_out.unverified += 1;
            return;
        }
        let until = wait.outcome.as_ref().map_or(now, |outcome| outcome.at);
        let time = calendar.working_time(wait.opened.at, until);
        match wait.kind {
            WaitKind::Promise => self.promised.count(wait, time),
            _ => self.count_request(wait.outcome.as_ref(), time),
        }
    }

    fn count_request(&mut self, outcome: Option<&Outcome>, time: TimeDelta) {
        match outcome.map(|outcome| &outcome.how) {
            None => self.lasting.push(time),
            Some(Ending::Answered { holding, .. }) => {
                self.held += usize::from(*holding);
                self.replies.push(time);
            }
            Some(Ending::Cancelled { .. }) => self.cancelled.push(time),
            Some(Ending::Confirmed { .. }) => self.confirmed += 1,
            // Only a soft wait becomes a request.
            Some(Ending::BecameRequest) => {}
            Some(Ending::Withdrawn) => self.withdrawn += 1,
            Some(Ending::Unobserved) => self.unobserved += 1,
        }
    }

    /// Adds what is known of other waits.
    pub fn add(&mut self, other: &Self) {
        self.replies.extend(&other.replies);
        self.lasting.extend(&other.lasting);
        self.cancelled.extend(&other.cancelled);
        self.promised.kept.extend(&other.promised.kept);
        let LeftOut { excluded, history, rehearsal, unverified } = other.left_out;
        for (own, others) in [
            (&mut self.confirmed, other.confirmed),
            (&mut self.withdrawn, other.withdrawn),
            (&mut self.unobserved, other.unobserved),
            (&mut self.held, other.held),
            (&mut self.soft, other.soft),
            (&mut self.promised.late, other.promised.late),
            (&mut self.promised.open, other.promised.open),
            (&mut self.promised.ended, other.promised.ended),
            (&mut self.left_out.excluded, excluded),
            (&mut self.left_out.history, history),
            (&mut self.left_out.rehearsal, rehearsal),
            (&mut self.left_out.unverified, unverified),
        ] {
            *own += others;
        }
    }

    /// Requests that count, however they went.
    pub const fn asked(&self) -> usize {
        self.replies.len()
            + self.lasting.len()
            + self.cancelled.len()
            + self.confirmed
            + self.withdrawn
            + self.unobserved
    }

    /// How long customers waited altogether for an answer or a cancel: over the working time of a period it is how many
    /// waited at once on the average (Little's law).
    pub fn time_waited(&self) -> TimeDelta {
        self.replies.iter().chain(&self.cancelled).sum()
    }

    /// The figures of these waits, with the share answered within each threshold.
    pub fn figures(mut self, thresholds: &[RungId]) -> Figures {
        let asked = self.asked();
        self.replies.sort_unstable();
        self.lasting.sort_unstable();
        let Self { replies, lasting, cancelled, promised, .. } = &self;
        Figures {
            asked,
            answered: replies.len(),
            cancelled: cancelled.len(),
            cancelled_after: cancelled.iter().sum(),
            confirmed: self.confirmed,
            withdrawn: self.withdrawn,
            unobserved: self.unobserved,
            open: lasting.len(),
            left_out: self.left_out,
            held: self.held,
            promises: promised.figures(),
            soft: self.soft,
            median: quantile(replies, lasting, 50),
            p90: quantile(replies, lasting, 90),
            mean: mean(replies),
            over_two_minutes: replies.iter().filter(|time| **time > SLOW).count(),
            longest_open: lasting.last().copied(),
            within: thresholds.iter().map(|rung| (*rung, within(replies, lasting, *rung))).collect(),
        }
    }
}

impl Promised {
    fn count(&mut self, wait: &Wait, time: TimeDelta) {
        match &wait.outcome {
            None => self.open += 1,
            Some(Outcome { at, how: Ending::Answered { .. }, .. }) => {
                self.late += usize::from(wait.due().is_some_and(|due| due < *at));
                self.kept.push(time);
            }
            Some(_) => self.ended += 1,
        }
    }

    fn figures(&self) -> Promises {
        let Self { kept, late, open, ended } = self;
        Promises { kept: kept.len(), late: *late, open: *open, ended: *ended, mean: mean(kept) }
    }
}

fn mean(times: &[TimeDelta]) -> Option<TimeDelta> {
    let count = i32::try_from(times.len()).ok().filter(|count| *count > 0)?;
    Some(times.iter().sum::<TimeDelta>() / count)
}

/// The smallest time that at least so many percent of all waits do not exceed.
fn quantile(replies: &[TimeDelta], lasting: &[TimeDelta], percent: usize) -> Option<Quantile> {
    let mut all: Vec<TimeDelta> = replies.iter().chain(lasting).copied().collect();
    all.sort_unstable();
    let rank = (all.len() * percent).div_ceil(100).checked_sub(1)?;
    let time = *all.get(rank)?;
    Some(Quantile { time, at_least: lasting.first().is_some_and(|shortest| *shortest <= time) })
}

fn within(replies: &[TimeDelta], lasting: &[TimeDelta], rung: RungId) -> Within {
    let limit = i64::try_from(rung.0).ok().and_then(TimeDelta::try_seconds).unwrap_or(TimeDelta::MAX);
    let within = replies.partition_point(|time| *time <= limit);
    let missed = replies.len() - within + lasting.iter().filter(|time| **time > limit).count();
    Within { within, of: within + missed }
}
