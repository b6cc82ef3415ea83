//! Which rules held when. Entries are judged by the rules of their own time, so that a new roster does not rewrite the
//! past unless somebody asks for it.

use crate::Timestamp;
use crate::rules::Rules;

/// Rules as they were put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesVersion {
    /// Rising from 1.
    pub version: i64,
    /// From when entries are judged by it.
    pub valid_from: Timestamp,
    /// What it says.
    pub rules: Rules,
}

/// All rules that were ever put in force: which of them held at a moment.
///
/// A higher version replaces lower ones from its own `valid_from` on, also where that lies in the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesHistory {
    /// Rising in both version and `valid_from`; never empty.
    versions: Vec<RulesVersion>,
}

/// There are no rules at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no rules were ever put in force")]
pub struct NoRules;

impl RulesHistory {
    /// From versions in any order.
    pub fn new(mut versions: Vec<RulesVersion>) -> Result<Self, NoRules> {
        versions.sort_by_key(|version| version.version);
        let mut effective: Vec<RulesVersion> = Vec::with_capacity(versions.len());
        for version in versions {
            while effective.last().is_some_and(|last| last.valid_from >= version.valid_from) {
                effective.pop();
            }
            effective.push(version);
        }
        if effective.is_empty() { Err(NoRules) } else { Ok(Self { versions: effective }) }
    }

    /// The rules in force at a moment; the first ones for any time before them.
    pub fn at(&self, moment: Timestamp) -> &Rules {
        &self.version_at(moment).rules
    }

    /// As [`RulesHistory::at`], with the version.
    pub fn version_at(&self, moment: Timestamp) -> &RulesVersion {
        let after = self.versions.partition_point(|version| version.valid_from <= moment);
        &self.versions[after.saturating_sub(1)]
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, rules};

    fn version(version: i64, valid_from: i64) -> RulesVersion {
        let mut rules = rules();
        rules.phrases.version = u32::try_from(version).unwrap();
        RulesVersion { version, valid_from: at(valid_from), rules }
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
