//! What a team's replies are to reach (目标). Targets are rules, so that each period is held to those in force at its end.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::validate::{Problems, SHORTEST, add_too_short};
use crate::figures::{FEW, Figures, Quantile, Tally, Within};
use crate::ladder::RungId;
use crate::rules::{Rules, Team};
use crate::span::Span;

/// What the replies of a team are to reach in a week, a month or any other period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Whose.
    pub team: Team,
    /// How many are to be answered in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// Half of the replies are to take at most this much working time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<Span>,
}

/// So many of a hundred within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Of a hundred, 1 to 100.
    pub percent: u8,
    /// Working time.
    pub within: Span,
}

/// How far waits have reached a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The share, where the target asks for one.
    pub share: Option<Within>,
    /// The median, where the target asks for one and there are waits.
    pub median: Option<Quantile>,
    /// Of so many waits.
    pub of: usize,
    /// Whether it is met. `None`: there are too few waits to say so, or who still waits decides.
    pub met: Option<bool>,
}

impl Target {
    /// Compares waits with it.
    pub fn reached(&self, tally: &Tally) -> Reached {
        let limit = self.share.map(|share| RungId(share.within.as_seconds()));
        let Figures { answered, open, median, within, .. } = tally.clone().figures(limit.as_slice());
        let share = within.first().map(|(_, within)| *within);
        let of = answered + open;
        let by_share = self.share.map(|target| meets_share(target, share.unwrap_or_default()));
        let by_median = self.median.map(|target| median.and_then(|found| meets_median(target, found, of)));
        let met = by_share.into_iter().chain(by_median).reduce(both).flatten();
        let median = median.filter(|_| self.median.is_some());
        Reached { share, median, of, met }
    }
}

/// `None`: of too few waits it is known whether they were answered in time.
fn meets_share(target: Share, found: Within) -> Option<bool> {
    (found.of >= FEW).then(|| found.within * 100 >= usize::from(target.percent) * found.of)
}

/// `None`: there are too few waits, or one that is open may still raise it above the target.
fn meets_median(target: Span, found: Quantile, of: usize) -> Option<bool> {
    let limit = i64::try_from(target.as_seconds()).unwrap_or(i64::MAX).saturating_mul(1_000);
    let is_within = found.time.num_milliseconds() <= limit;
    (of >= FEW && !(is_within && found.at_least)).then_some(is_within)
}

/// Missed if one is; met if both are.
const fn both(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

impl Rules {
    /// What a team is to reach.
    pub fn target(&self, team: Team) -> Option<&Target> {
        self.targets.iter().find(|target| target.team == team)
    }

    pub(super) fn check_targets(&self, problems: &mut Problems) {
        let mut seen = HashSet::new();
        for (index, target) in self.targets.iter().enumerate() {
            let path = |part: &str| format!("targets[{index}]{part}");
            if !seen.insert(target.team) {
                problems.add(path(".team"), format!("`{}` once more", target.team.name()), "each team once");
            }
            if let Some(median) = target.median {
                check_length(path(".median"), median, problems);
            }
            if target.share.is_none() && target.median.is_none() {
                problems.add(path(""), "nothing to reach", "`share`, `median` or both");
            }
            if let Some(share) = target.share {
                if !(1..=100).contains(&share.percent) {
                    problems.add(path(".share.percent"), share.percent, "a number from 1 to 100");
                }
                check_length(path(".share.within"), share.within, problems);
            }
        }
    }
}

fn check_length(path: String, found: Span, problems: &mut Problems) {
    if found < SHORTEST {
        add_too_short(path, found, SHORTEST, problems);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn target(percent: u8, minutes: u64, median: Option<u64>) -> Target {
        Target {
            team: Team::PreSales,
            share: Some(Share { percent, within: Span::seconds(minutes * 60) }),
            median: median.map(|minutes| Span::seconds(minutes * 60)),
        }
    }

    /// Replies after so many minutes each, and waits that have lasted so long.
    fn tally(replies: &[i64], lasting: &[i64]) -> Tally {
        let times = |minutes: &[i64]| minutes.iter().map(|minutes| TimeDelta::minutes(*minutes)).collect();
        Tally { replies: times(replies), lasting: times(lasting), ..Tally::default() }
    }

    #[test]
    fn a_target_is_met_missed_or_cannot_be_told() {
        let ten = tally(&[1, 2, 3, 4, 5, 6, 7, 8, 11, 12], &[]);
        for (what, target, tally, met) in [
            ("eight of ten", target(80, 10, None), ten.clone(), Some(true)),
            ("nine of ten", target(81, 10, None), ten.clone(), Some(false)),
            ("and a median of five", target(80, 10, Some(5)), ten.clone(), Some(true)),
            ("or of four", target(80, 10, Some(4)), ten.clone(), Some(false)),
            (
                "who still waits counts once it is too late",
                target(80, 10, None),
                tally(&[1; 8], &[9, 11, 12, 13]),
                Some(false),
            ),
            ("and not before", target(80, 10, None), tally(&[1; 10], &[9, 9]), Some(true)),
            (
                "of eight that are known nothing can be said",
                target(80, 10, None),
                tally(&[1; 8], &[9, 9]),
                None,
            ),
            (
                "who waits may raise the median",
                Target { share: None, ..target(1, 1, Some(5)) },
                tally(&[9; 4], &[1; 8]),
                None,
            ),
            ("of nine nothing can be said", target(80, 10, None), tally(&[1; 9], &[]), None),
        ] {
            assert_eq!(target.reached(&tally).met, met, "{what}");
        }
        let reached = target(80, 10, None).reached(&ten);
        assert_eq!(
            (reached.share, reached.median, reached.of),
            (Some(Within { within: 8, of: 10 }), None, 10)
        );
    }
}
