//! Which rules held when. Entries are judged by the rules of their own time, so that a new roster does not rewrite the
//! past unless somebody asks for it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::rules::{RoomView, Rules};
use crate::wait::WaitKind;

/// Rules as they were put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesVersion {
    /// Rising from 1.
    pub version: i64,
    /// From when entries are judged by it.
    pub valid_from: Timestamp,
    /// When it was put in force.
    pub applied_at: Timestamp,
    /// The whole set of rules, not a difference to the version before.
    pub rules: Rules,
}

/// All rules that were ever put in force: which of them held at a moment.
///
/// A higher version replaces lower ones from its own `valid_from` on, also where that lies in the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesHistory {
    /// All of them, rising by version; never empty.
    versions: Arc<[RulesVersion]>,
    /// Which of them judges from when on, rising; never empty. The first one judges everything before it too.
    holds: Vec<Hold>,
}

/// From when on which place among the versions judges.
type Hold = (Timestamp, usize);

/// From when on which version judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// From when; for the first of a list, everything before it too.
    pub from: Timestamp,
    /// The number of the version.
    pub version: i64,
}

/// How a room's past keeps being judged although rules that came later reach back before it: its closed waits have been
/// counted, and figures that were counted change only when somebody asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedRules {
    /// What is said from here on is judged by the history itself.
    pub until: Timestamp,
    /// What judges before it, rising.
    pub judged: Vec<Judged>,
}

/// There are no rules at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no rules were ever put in force")]
pub struct NoRules;

impl RulesHistory {
    /// From versions in any order.
    pub fn new(mut versions: Vec<RulesVersion>) -> Result<Self, NoRules> {
        versions.sort_by_key(|version| version.version);
        for place in 1..versions.len() {
            let (before, after) = versions.split_at_mut(place);
            after[0].rules.calendars.share(&before[place - 1].rules.calendars);
        }
        let holds = effective(&versions);
        if holds.is_empty() { Err(NoRules) } else { Ok(Self { versions: versions.into(), holds }) }
    }

    /// The rules in force at a moment; the first ones for any time before them.
    pub fn at(&self, moment: Timestamp) -> &Rules {
        &self.version_at(moment).rules
    }

    /// As [`RulesHistory::at`], with the version.
    pub fn version_at(&self, moment: Timestamp) -> &RulesVersion {
        &self.versions[self.holds[self.place(moment)].1]
    }

    /// The newest rules, whether in force yet or not.
    pub fn newest(&self) -> &RulesVersion {
        &self.versions[self.versions.len() - 1]
    }

    /// Since when the deadlines of a kind of wait in a room as it is now up to `now` are decided as they are now, by the same ladder on
    /// the same calendar; `None`: ever since there are rules. Holidays and days off that are announced for later decide of
    /// nothing that is due yet: whoever adds them while cards are late must not lose these.
    pub fn deadlines_since(&self, kind: WaitKind, room: RoomView<'_>, now: Timestamp) -> Option<Timestamp> {
        let deadlines = self.at(now).deadlines(kind, room);
        let mut held: Vec<&RulesVersion> = self
            .versions
            .iter()
            .filter(|version| version.valid_from <= now && self.took_force(version))
            .collect();
        held.sort_by_key(|version| (version.in_force_since(), version.version));
        let is_other =
            |version: &&RulesVersion| !version.rules.deadlines(kind, room).same_until(deadlines, now);
        let other = held.iter().rposition(is_other)?;
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

    /// From when entries are judged otherwise than by the history up to `version`. `None`: nothing was added.
    pub fn changed_since(&self, version: i64) -> Option<Timestamp> {
        let newer = self.versions.iter().filter(|held| held.version > version);
        let from = newer.map(|held| held.valid_from).min()?;
        // The first rules hold for any time before them too.
        let all = self.versions[self.holds[0].1].version > version;
        Some(if all { Timestamp::UNIX_EPOCH } else { from })
    }

    /// Whether anything that was added after `version` may judge silences otherwise than what it takes the place of.
    pub fn changes_silences_since(&self, version: i64) -> bool {
        let Some(known) = self.known_at(version) else { return true };
        let mut newer = self.versions.iter().filter(|held| held.version > version);
        newer.any(|newer| {
            let replaced = known.part(Some(newer.valid_from), None);
            replaced.iter().any(|(_, place)| !newer.rules.judge_silences_as(&self.versions[*place].rules))
        })
    }

    /// The most working days of silence after which anybody was ever to follow up.
    pub fn most_silent_days(&self) -> u32 {
        let most = self.versions.iter().filter_map(|version| version.rules.follow_up_after.last().copied());
        most.max().unwrap_or_default()
    }

    /// The history as it was while `version` was the newest; `None`: there was none yet.
    pub fn known_at(&self, version: i64) -> Option<Self> {
        let known = self.versions.partition_point(|held| held.version <= version);
        let holds = effective(&self.versions[..known]);
        (!holds.is_empty()).then(|| Self { versions: self.versions.clone(), holds })
    }

    /// This history, but the past judged as it is pinned.
    #[must_use]
    pub fn with_pinned(&self, pinned: Option<&PinnedRules>) -> Self {
        let Some(pinned) = pinned else { return self.clone() };
        let place = |judged: &Judged| {
            let found = self.versions.binary_search_by_key(&judged.version, |held| held.version);
            Some((judged.from.min(pinned.until), found.ok()?))
        };
        let mut holds: Vec<Hold> = pinned.judged.iter().filter_map(place).collect();
        holds.extend(self.part(Some(pinned.until), None));
        Self { versions: self.versions.clone(), holds }
    }

    /// What has to be pinned so that everything before `until` is judged as by this history while `newer` holds. `None`:
    /// nothing, since both say the same.
    pub fn pin_until(&self, until: Timestamp, newer: &Self) -> Option<PinnedRules> {
        self.pinned(self.part(None, Some(until)), until, newer)
    }

    /// What remains to be pinned once this history judges everything in `from..to`. `None`: nothing.
    pub fn recomputed(
        &self,
        pinned: &PinnedRules,
        from: Timestamp,
        to: Option<Timestamp>,
    ) -> Option<PinnedRules> {
        let to = to.map_or(pinned.until, |to| to.min(pinned.until));
        if from >= to {
            return Some(pinned.clone());
        }
        let standing = self.with_pinned(Some(pinned));
        let mut holds = if from > standing.holds[0].0 { standing.part(None, Some(from)) } else { Vec::new() };
        holds.extend(self.part(Some(from), Some(to)));
        holds.extend(standing.part(Some(to), Some(pinned.until)));
        self.pinned(holds, pinned.until, self)
    }

    fn pinned(&self, mut holds: Vec<Hold>, until: Timestamp, newer: &Self) -> Option<PinnedRules> {
        let by_place = |a: &mut Hold, b: &mut Hold| a.1 == b.1;
        holds.dedup_by(by_place);
        let mut theirs = newer.part(None, Some(until));
        theirs.dedup_by(by_place);
        // Before its first entry a list is judged by it: where that one begins says nothing.
        let same = holds.len() == theirs.len() && holds[0].1 == theirs[0].1 && holds[1..] == theirs[1..];
        let judged = |(from, place): Hold| Judged { from, version: self.versions[place].version };
        (!same).then(|| PinnedRules { until, judged: holds.into_iter().map(judged).collect() })
    }

    fn place(&self, moment: Timestamp) -> usize {
        self.holds.partition_point(|(from, _)| *from <= moment).saturating_sub(1)
    }

    /// What judges in `from..to`; never empty unless the stretch is.
    fn part(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Vec<Hold> {
        if from.is_some() && from == to {
            return Vec::new();
        }
        let first = from.map_or(0, |from| self.place(from));
        let inside = self.holds[first + 1..].iter().take_while(|(at, _)| to.is_none_or(|to| *at < to));
        let (begins, place) = self.holds[first];
        let begins = from.unwrap_or_else(|| to.map_or(begins, |to| begins.min(to)));
        std::iter::once((begins, place)).chain(inside.copied()).collect()
    }
}

impl RulesVersion {
    /// When it began to be gone by: its `valid_from`, or when it was put in force if that was later.
    fn in_force_since(&self) -> Timestamp {
        self.valid_from.max(self.applied_at)
    }
}

/// Which versions judge from when on: each replaces those before it from its own `valid_from` on.
fn effective(versions: &[RulesVersion]) -> Vec<Hold> {
    let mut holds: Vec<Hold> = Vec::with_capacity(versions.len());
    for (place, version) in versions.iter().enumerate() {
        while holds.last().is_some_and(|(from, _)| *from >= version.valid_from) {
            holds.pop();
        }
        holds.push((version.valid_from, place));
    }
    holds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Calendar;
    use crate::rules::Stage;
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

    #[test]
    fn a_ladder_holds_since_the_last_change_of_it() {
        let since = |versions: &[RulesVersion], now: i64| {
            let history = RulesHistory::new(versions.to_vec()).unwrap();
            history
                .deadlines_since(WaitKind::Request, RoomView::of_stage(Stage::PreSales), at(now))
                .map(|since| (since - at(0)).num_seconds())
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
        let called_off = [first.clone(), announced, ladder(3, 55, 30, 100), ladder(4, 70, 70, 100)];
        assert_eq!(since(&called_off, 90), None, "called off in time");
        let untouched = RulesHistory::new(vec![first, ladder(2, 20, 20, 200)]).unwrap();
        assert_eq!(
            untouched.deadlines_since(WaitKind::Request, RoomView::of_stage(Stage::AfterSales), at(50)),
            None
        );
        assert_eq!(
            untouched.deadlines_since(WaitKind::Soft, RoomView::of_stage(Stage::PreSales), at(50)),
            None,
            "another kind's"
        );
    }

    /// Another calendar moves deadlines as another ladder does, in its own stage.
    #[test]
    fn a_calendar_holds_since_the_last_change_of_it() {
        let first = version(1, 0);
        let mut slower = version(2, 20);
        slower.rules.calendars.pre_sales = Calendar::half_pace();
        let mut same = version(3, 30);
        same.rules.calendars = slower.rules.calendars.clone();
        let history = RulesHistory::new(vec![first, slower, same, version(4, 40)]).unwrap();
        let since =
            |stage, now| history.deadlines_since(WaitKind::Request, RoomView::of_stage(stage), at(now));
        for (now, expected) in [(10, None), (25, Some(at(20))), (35, Some(at(20))), (45, Some(at(40)))] {
            assert_eq!(since(Stage::PreSales, now), expected, "at {now}");
            assert_eq!(since(Stage::AfterSales, now), None, "the other stage's, at {now}");
        }
    }

    /// Next year's holidays change nothing that is due yet; once the first of them is there, it was them.
    #[test]
    fn days_that_are_announced_count_when_they_come() {
        let with = |number: i64, day: Option<&str>| {
            let mut version = version(number, number * 100);
            let hours = serde_json::json!({ "days_off": day.into_iter().collect::<Vec<_>>() });
            version.rules.calendars.pre_sales = serde_json::from_value(hours).unwrap();
            version.rules.settle_calendars();
            version
        };
        let announced = (at(0) + chrono::TimeDelta::days(30)).date_naive();
        let text = announced.to_string();
        let history = RulesHistory::new(vec![with(1, None), with(2, Some(&text))]).unwrap();
        let since = |days| {
            history.deadlines_since(
                WaitKind::Request,
                RoomView::of_stage(Stage::PreSales),
                at(0) + chrono::TimeDelta::days(days),
            )
        };
        assert_eq!(since(1), None);
        assert_eq!(since(28), None);
        assert_eq!(since(30), Some(at(200)));
        // One that is over already decides at once.
        let today = at(0).date_naive().to_string();
        let history = RulesHistory::new(vec![with(1, None), with(2, Some(&today))]).unwrap();
        assert_eq!(
            history.deadlines_since(WaitKind::Request, RoomView::of_stage(Stage::PreSales), at(300)),
            Some(at(200))
        );
    }

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
    fn silences_are_judged_otherwise_if_what_is_replaced_judged_them_otherwise() {
        let told_after = |number, from, days: &[u32]| {
            let mut version = version(number, from);
            version.rules.follow_up_after = days.to_vec();
            version
        };
        let history = |last: Option<RulesVersion>| {
            let first = [told_after(1, 10, &[7]), told_after(2, 500, &[5])];
            RulesHistory::new(first.into_iter().chain(last).collect()).unwrap()
        };
        assert!(!history(None).changes_silences_since(2));
        assert!(history(None).changes_silences_since(1), "announced");
        assert!(!history(Some(told_after(3, 600, &[5]))).changes_silences_since(2), "as the one before it");
        assert!(
            history(Some(told_after(3, 100, &[5]))).changes_silences_since(2),
            "sooner than it was announced"
        );
        assert_eq!(history(Some(told_after(3, 100, &[5, 30]))).most_silent_days(), 30);
    }

    #[test]
    fn a_history_of_nothing_is_refused() {
        assert_eq!(RulesHistory::new(Vec::new()), Err(NoRules));
    }

    fn of(versions: &[(i64, i64)]) -> RulesHistory {
        RulesHistory::new(versions.iter().map(|(number, from)| version(*number, *from)).collect()).unwrap()
    }

    fn judges(history: &RulesHistory, moments: &[i64]) -> Vec<i64> {
        moments.iter().map(|moment| history.version_at(at(*moment)).version).collect()
    }

    #[test]
    fn what_was_counted_is_judged_as_it_was() {
        let newer = of(&[(1, 10), (2, 100), (3, 50)]);
        let older = newer.known_at(2).unwrap();
        assert_eq!(judges(&older, &[40, 60, 120]), [1, 1, 2]);
        let pinned = older.pin_until(at(110), &newer).unwrap();
        assert_eq!(
            judges(&newer.with_pinned(Some(&pinned)), &[0, 60, 99, 100, 109, 110, 500]),
            [1, 1, 1, 2, 2, 3, 3]
        );
        assert_eq!(older.pin_until(at(50), &newer), None, "before 50 both say the same");
        let stored: PinnedRules = serde_json::from_value(serde_json::to_value(&pinned).unwrap()).unwrap();
        assert_eq!(stored, pinned);
        let later = of(&[(1, 10), (2, 100), (3, 50), (4, 300)]);
        assert_eq!(judges(&later.with_pinned(Some(&pinned)), &[60, 105, 110, 300]), [1, 2, 3, 4]);
    }

    #[test]
    fn a_stretch_can_be_judged_anew() {
        let newer = of(&[(1, 10), (2, 20)]);
        let pinned = newer.known_at(1).unwrap().pin_until(at(100), &newer).unwrap();
        assert_eq!(judges(&newer.with_pinned(Some(&pinned)), &[15, 25, 99, 100]), [1, 1, 1, 2]);
        let middle = newer.recomputed(&pinned, at(40), Some(at(60))).unwrap();
        assert_eq!(
            judges(&newer.with_pinned(Some(&middle)), &[25, 39, 40, 59, 60, 99, 100]),
            [1, 1, 2, 2, 1, 1, 2]
        );
        assert_eq!(
            newer.recomputed(&pinned, at(200), None).as_ref(),
            Some(&pinned),
            "nothing is pinned there"
        );
        assert_eq!(newer.recomputed(&pinned, at(0), None), None);
        assert_eq!(newer.recomputed(&pinned, at(20), None), None, "before 20 both say the same");
        assert_eq!(newer.recomputed(&middle, at(0), None), None);
    }

    #[test]
    fn rules_from_before_the_first_ones_leave_what_was_counted() {
        let newer = of(&[(1, 100), (2, 10)]);
        let pinned = newer.known_at(1).unwrap().pin_until(at(50), &newer).unwrap();
        assert_eq!(judges(&newer.with_pinned(Some(&pinned)), &[0, 20, 49, 50, 200]), [1, 1, 1, 2, 2]);
    }
}
