//! Capture gaps: stretches of time in which messages may have been lost, and which waits they make uncertain.
//!
//! A gap is often known only later (a killed capture finds its own when it starts again), so that nothing here is ever
//! stored with a wait: whoever shows or counts waits compares them with the gaps of that moment.

use crate::Timestamp;
use crate::id::RoomKey;
use crate::presence::{PastAbsence, Presence, Stay};
use crate::wait::Wait;

/// A stretch of time in which a gateway may have lost messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The source of the gateway's messages.
    pub source: String,
    /// The account that was logged in there; `None`: not known, it may have been any.
    pub account: Option<String>,
    /// From when on messages may have been lost.
    pub since: Timestamp,
    /// When it ended; `None`: it has not.
    pub until: Option<Timestamp>,
}

/// The stretches in which nobody may have seen what was said in one room: from, to; in rising order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CoverageGaps(Vec<Stretch>);

type Stretch = (Timestamp, Timestamp);

impl CoverageGaps {
    /// Of a room and the accounts in it. What one account missed, another one that was there too has seen.
    pub fn of(room: &RoomKey, presence: &Presence, gaps: &[Gap]) -> Self {
        let gaps: Vec<&Gap> = gaps.iter().filter(|gap| gap.source == room.source).collect();
        let first = presence.stays().map(|(_, stay)| stay.since).min();
        let missed = |(account, stay): (&str, &Stay)| {
            let before = Some((Timestamp::MIN_UTC, stay.since)).filter(|_| Some(stay.since) != first);
            let after = stay.left.as_ref().map(|left| (left.at, Timestamp::MAX_UTC));
            let own = gaps.iter().filter(|gap| gap.account.as_deref().is_none_or(|of| of == account));
            merged(own.map(|gap| stretch(gap)).chain(before).chain(after).collect())
        };
        let everybody = presence.stays().map(missed).reduce(|one, other| common(&one, &other));
        // Nobody is known to be in the room: any gap of its source may concern it.
        Self(everybody.unwrap_or_else(|| merged(gaps.iter().map(|gap| stretch(gap)).collect())))
    }

    /// When none of our accounts was in a room, now or before.
    pub fn of_absences(room: &RoomKey, presence: &Presence, past: &[PastAbsence]) -> Self {
        let now = Self::of(room, presence, &[]).0;
        Self(merged(past.iter().map(|past| (past.from, past.to)).chain(now).collect()))
    }

    /// Whether something said between two moments may be missing.
    pub fn overlaps(&self, from: Timestamp, to: Timestamp) -> bool {
        let first = self.0.partition_point(|(_, until)| *until <= from);
        self.0.get(first).is_some_and(|(since, _)| *since < to)
    }

    /// Whether a wait is 待核实: the customer may have been answered, or answered sooner, while nobody saw it.
    pub fn affects(&self, wait: &Wait, now: Timestamp) -> bool {
        self.overlaps(wait.opened.at, wait.outcome.as_ref().map_or(now, |outcome| outcome.at))
    }
}

fn stretch(gap: &Gap) -> Stretch {
    (gap.since, gap.until.unwrap_or(Timestamp::MAX_UTC))
}

/// In rising order and without overlaps.
fn merged(mut stretches: Vec<Stretch>) -> Vec<Stretch> {
    stretches.sort_unstable();
    let mut merged: Vec<Stretch> = Vec::with_capacity(stretches.len());
    for (from, to) in stretches {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// What two lists have in common.
fn common(one: &[Stretch], other: &[Stretch]) -> Vec<Stretch> {
    let both = |a: &Stretch, b: &Stretch| (a.0.max(b.0), a.1.min(b.1));
    one.iter().flat_map(|a| other.iter().map(move |b| both(a, b))).filter(|(from, to)| from < to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::EntryId;
    use crate::presence::Absence;
    use crate::testing::at;

    fn room() -> RoomKey {
        RoomKey { source: "wechaty".into(), id: "r".into() }
    }

    fn gap(account: Option<&str>, since: i64, until: Option<i64>) -> Gap {
        let account = account.map(str::to_owned);
        Gap { source: "wechaty".into(), account, since: at(since), until: until.map(at) }
    }

    fn in_room(accounts: &[(&str, i64)]) -> Presence {
        let mut presence = Presence::default();
        for (account, since) in accounts {
            presence.seen(account, at(*since));
        }
        presence
    }

    #[test]
    fn absences_that_are_over_are_absences() {
        let mut presence = in_room(&[("a", 0)]);
        let past = [PastAbsence { from: at(10), to: at(20) }];
        let absences = CoverageGaps::of_absences(&room(), &presence, &past);
        assert!(absences.overlaps(at(5), at(11)) && !absences.overlaps(at(20), at(99)));
        presence.left("a", Absence { entry: EntryId("x".into()), at: at(30), by: None });
        let absences = CoverageGaps::of_absences(&room(), &presence, &past);
        assert!(
            absences.overlaps(at(15), at(16))
                && !absences.overlaps(at(20), at(30))
                && absences.overlaps(at(20), at(31))
        );
    }

    #[test]
    fn a_gap_concerns_the_rooms_that_its_account_alone_was_to_see() {
        let (alone, unknown) = (in_room(&[("a", 0)]), Presence::default());
        let two = in_room(&[("a", 0), ("b", 50)]);
        let mut one_left = two.clone();
        one_left.left("b", Absence { entry: EntryId("x".into()), at: at(90), by: None });
        let elsewhere = Gap { source: "webhook".into(), ..gap(None, 10, Some(20)) };
        let table = [
            ("before it", &alone, vec![gap(Some("a"), 10, Some(20))], (0, 10), false),
            ("at its beginning", &alone, vec![gap(Some("a"), 10, Some(20))], (0, 11), true),
            ("inside it", &alone, vec![gap(Some("a"), 10, Some(20))], (12, 13), true),
            ("around it", &alone, vec![gap(Some("a"), 10, Some(20))], (0, 99), true),
            ("after it", &alone, vec![gap(Some("a"), 10, Some(20))], (20, 30), false),
            ("it goes on", &alone, vec![gap(Some("a"), 10, None)], (99, 100), true),
            ("another account's", &alone, vec![gap(Some("b"), 10, Some(20))], (0, 99), false),
            ("somebody's", &alone, vec![gap(None, 10, Some(20))], (0, 99), true),
            ("a room nobody is known in", &unknown, vec![gap(Some("b"), 10, Some(20))], (0, 99), true),
            ("another source's", &alone, vec![elsewhere], (0, 99), false),
            ("the other one saw it", &two, vec![gap(Some("a"), 60, Some(70))], (0, 99), false),
            ("the other one was not there yet", &two, vec![gap(Some("a"), 40, Some(45))], (0, 99), true),
            ("the other one had left", &one_left, vec![gap(Some("a"), 92, Some(94))], (80, 99), true),
            (
                "both, one after the other",
                &two,
                vec![gap(Some("a"), 60, Some(70)), gap(Some("b"), 70, Some(80))],
                (55, 99),
                false,
            ),
            (
                "both at a time",
                &two,
                vec![gap(Some("a"), 60, Some(70)), gap(Some("b"), 65, Some(80))],
                (55, 99),
                true,
            ),
        ];
        for (what, presence, gaps, (from, to), expected) in table {
            let coverage = CoverageGaps::of(&room(), presence, &gaps);
            assert_eq!(coverage.overlaps(at(from), at(to)), expected, "{what}");
        }
    }
}
