//! Which rules held when. Entries are judged by the rules of their own time, so that a new roster does not rewrite the
//! past unless somebody asks for it.

use crate::Timestamp;
use crate::rules::{Rules, Stage};

/// Rules as they were put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesVersion {
    /// Rising from 1.
    pub version: i64,
    /// From when entries are judged by it.
    pub valid_from: Timestamp,
    /// When it was put in force.
    pub applied_at: Timestamp,
    /// What it says.
    pub rules: Rules,
}

/// All rules that were ever put in force: which of them held at a moment.
///
/// A higher version replaces lower ones from its own `valid_from` on, also where that lies in the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesHistory {
    /// Every version, rising.
    versions: Vec<RulesVersion>,
    /// Indices of those that hold for some time; rising in both version and `valid_from`; never empty.
    effective: Vec<usize>,
}

/// There are no rules at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no rules were ever put in force")]
pub struct NoRules;

impl RulesHistory {
    /// From versions in any order.
    pub fn new(mut versions: Vec<RulesVersion>) -> Result<Self, NoRules> {
        versions.sort_by_key(|version| version.version);
        let mut effective: Vec<usize> = Vec::with_capacity(versions.len());
        for (index, version) in versions.iter().enumerate() {
            while effective.last().is_some_and(|last| versions[*last].valid_from >= version.valid_from) {
                effective.pop();
            }
            effective.push(index);
        }
        if effective.is_empty() { Err(NoRules) } else { Ok(Self { versions, effective }) }
    }

    /// The rules in force at a moment; the first ones for any time before them.
    pub fn at(&self, moment: Timestamp) -> &Rules {
        &self.version_at(moment).rules
    }

    /// As [`RulesHistory::at`], with the version.
    pub fn version_at(&self, moment: Timestamp) -> &RulesVersion {
        let after = self.effective.partition_point(|index| self.versions[*index].valid_from <= moment);
        &self.versions[self.effective[after.saturating_sub(1)]]
    }

    /// From when entries are judged otherwise than by the history up to `version`. `None`: nothing was added.
    pub fn changed_since(&self, version: i64) -> Option<Timestamp> {
        let first = self.versions.iter().position(|of| of.version > version)?;
        // The first rules hold for any time before them too.
        Some(if first == 0 { Timestamp::UNIX_EPOCH } else { self.versions[first].valid_from })
    }

    /// The newest rules, whether in force yet or not.
    pub fn newest(&self) -> &RulesVersion {
        &self.versions[self.versions.len() - 1]
    }

    /// Since when the ladder of a stage is the one that holds at `now`; `None`: ever since there are rules.
    pub fn ladder_since(&self, stage: Stage, now: Timestamp) -> Option<Timestamp> {
        let ladder = self.at(now).ladder(stage);
        let mut held: Vec<&RulesVersion> = self
            .versions
            .iter()
            .filter(|version| version.valid_from <= now && self.took_force(version))
            .collect();
        held.sort_by_key(|version| (version.in_force_since(), version.version));
        let other = held.iter().rposition(|version| version.rules.ladder(stage) != ladder)?;
        held.get(other + 1).map(|version| version.in_force_since())
    }

    /// Whether a version ever held: not if a newer one had taken its place by the time that it was to begin.
    fn took_force(&self, version: &RulesVersion) -> bool {
        !self.versions.iter().any(|newer| {
            newer.version > version.version
                && newer.valid_from <= version.valid_from
                && newer.applied_at <= version.in_force_since()
        })
    }
}

impl RulesVersion {
    /// When it began to be gone by: its `valid_from`, or when it was put in force if that was later.
    fn in_force_since(&self) -> Timestamp {
        self.valid_from.max(self.applied_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, rules};

    fn version(version: i64, valid_from: i64) -> RulesVersion {
        let mut rules = rules();
        rules.phrases.version = u32::try_from(version).unwrap();
        RulesVersion { version, valid_from: at(valid_from), applied_at: at(valid_from), rules }
    }

    /// With a first rung of so many seconds, valid from one second on, put in force at another.
    fn ladder(number: i64, valid_from: i64, applied_at: i64, rung: u64) -> RulesVersion {
        let mut version = version(number, valid_from);
        version.applied_at = at(applied_at);
        version.rules.ladders.pre_sales.rungs[0].after = crate::span::Span::seconds(rung);
        version
    }

    /// Seen to fail with `valid_from` alone taken for the moment, with the first version that says the same, however
    /// long ago, and with versions counted that never held.
    #[test]
    fn a_ladder_holds_since_the_last_change_of_it() {
        let since = |versions: &[RulesVersion], now: i64| {
            let history = RulesHistory::new(versions.to_vec()).unwrap();
            history.ladder_since(Stage::PreSales, at(now)).map(|since| (since - at(0)).num_seconds())
        };
        let first = ladder(1, 0, 5, 100);
        assert_eq!(since(std::slice::from_ref(&first), 50), None, "nothing was ever changed");
        let same = ladder(2, 20, 20, 100);
        assert_eq!(since(&[first.clone(), same.clone()], 50), None, "something else was changed");
        let other = ladder(3, 10, 30, 200);
        assert_eq!(since(&[first.clone(), same.clone(), other.clone()], 50), Some(30), "put in force later");
        assert_eq!(
            since(&[first.clone(), same, other, ladder(4, 40, 40, 200)], 50),
            Some(30),
            "still the same"
        );
        let announced = ladder(2, 60, 20, 200);
        assert_eq!(since(&[first.clone(), announced.clone()], 50), None, "not yet");
        assert_eq!(since(&[first.clone(), announced.clone()], 70), Some(60));
        assert_eq!(
            since(&[first.clone(), announced.clone(), ladder(3, 80, 70, 100)], 90),
            Some(80),
            "and back"
        );
        assert_eq!(
            since(&[first.clone(), announced, ladder(3, 55, 30, 100)], 90),
            None,
            "called off in time"
        );
        let untouched = RulesHistory::new(vec![first, ladder(2, 20, 20, 200)]).unwrap();
        assert_eq!(untouched.ladder_since(Stage::AfterSales, at(50)), None, "the other stage's");
    }

    /// Seen to fail with `<=` turned into `<` in `version_at`, and with the popping of later versions removed.
    #[test]
    fn each_moment_has_the_rules_in_force_then() {
        let history = RulesHistory::new(vec![version(2, 100), version(1, 10), version(3, 200)]).unwrap();
        for (moment, expected) in [(0, 1), (10, 1), (99, 1), (100, 2), (199, 2), (200, 3), (9_999, 3)] {
            assert_eq!(history.version_at(at(moment)).version, expected, "at {moment}");
        }
        let rewritten = RulesHistory::new(vec![version(1, 10), version(2, 100), version(3, 50)]).unwrap();
        assert_eq!(rewritten.version_at(at(49)).version, 1);
        for moment in [50, 60, 100, 150] {
            assert_eq!(
                rewritten.version_at(at(moment)).version,
                3,
                "the newer one replaces the older, at {moment}"
            );
        }
        assert_eq!(rewritten.newest().version, 3);
    }

    #[test]
    fn what_was_added_counts_from_the_earliest_moment_that_it_judges() {
        let history = RulesHistory::new(vec![version(1, 10), version(2, 100), version(3, 200)]).unwrap();
        assert_eq!(history.changed_since(3), None);
        assert_eq!(history.changed_since(2), Some(at(200)));
        assert_eq!(history.changed_since(1), Some(at(100)), "not only from the newest on");
        let rewritten = RulesHistory::new(vec![version(1, 10), version(2, 100), version(3, 50)]).unwrap();
        assert_eq!(rewritten.changed_since(2), Some(at(50)));
        let replaced = RulesHistory::new(vec![version(1, 10), version(2, 5)]).unwrap();
        assert_eq!(
            replaced.changed_since(1),
            Some(Timestamp::UNIX_EPOCH),
            "version 1 judged what was before"
        );
    }

    #[test]
    fn a_history_of_nothing_is_refused() {
        assert_eq!(RulesHistory::new(Vec::new()), Err(NoRules));
    }
}
