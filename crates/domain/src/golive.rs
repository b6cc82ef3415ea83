//! Since when cards are sent to the company's people: before go-live everything runs, and no card is sent.
//!
//! Going live and back is an operator's fact with a time, recorded and never changed. What was recorded last decides
//! about everything after it, so that the phase of a moment that is past never changes.

use crate::Timestamp;

/// One decision of the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// From when it holds; never before `noted_at`.
    pub since: Timestamp,
    /// Live, or in rehearsal.
    pub live: bool,
    /// When it was decided.
    pub noted_at: Timestamp,
}

/// How it is at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// Cards are sent. If not, they are only listed, and edits need no approval.
    pub live: bool,
    /// Since when; `None`: from the beginning.
    pub since: Option<Timestamp>,
}

/// Every decision that holds or is to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoLive {
    /// Rising in time, each other than the one before.
    changes: Vec<Change>,
}

impl GoLive {
    /// From decisions in the order in which they were made.
    pub fn new(decided: impl IntoIterator<Item = Change>) -> Self {
        let mut golive = Self::default();
        for change in decided {
            golive.decide(change);
        }
        golive
    }

    /// Takes in a newer decision, which takes the place of all that were still to come.
    pub fn decide(&mut self, change: Change) {
        self.changes.retain(|earlier| earlier.since <= change.noted_at && earlier.since < change.since);
        if self.changes.last().is_some_and(|last| last.live) != change.live {
            self.changes.push(change);
        }
    }

    /// The phase of a moment.
    pub fn at(&self, moment: Timestamp) -> Phase {
        let begun = self.changes.iter().rfind(|change| change.since <= moment);
        Phase { live: begun.is_some_and(|change| change.live), since: begun.map(|change| change.since) }
    }

    /// What is to come after a moment.
    pub fn next(&self, moment: Timestamp) -> Option<Change> {
        self.changes.iter().find(|change| change.since > moment).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    /// `live` from a second on, decided at another.
    fn change(since: i64, live: bool, noted: i64) -> Change {
        Change { since: at(since), live, noted_at: at(noted) }
    }

    fn phase(golive: &GoLive, moment: i64) -> (bool, Option<i64>) {
        let phase = golive.at(at(moment));
        (phase.live, phase.since.map(|since| (since - at(0)).num_seconds()))
    }

    #[test]
    fn the_last_decision_holds_from_its_time_on() {
        let nothing = GoLive::default();
        assert_eq!(phase(&nothing, 10), (false, None));
        let now = GoLive::new([change(100, true, 100)]);
        for (moment, expected) in [(99, (false, None)), (100, (true, Some(100))), (900, (true, Some(100)))] {
            assert_eq!(phase(&now, moment), expected, "at {moment}");
        }
        let again = GoLive::new([change(100, true, 100), change(200, true, 200)]);
        assert_eq!(phase(&again, 300), (true, Some(100)), "live all along");
        let back = GoLive::new([change(100, true, 100), change(200, false, 200), change(300, true, 300)]);
        for (moment, expected) in
            [(150, (true, Some(100))), (250, (false, Some(200))), (350, (true, Some(300)))]
        {
            assert_eq!(phase(&back, moment), expected, "at {moment}");
        }
    }

    #[test]
    fn what_is_to_come_can_be_moved_and_called_off() {
        let moved = GoLive::new([change(500, true, 100), change(800, true, 200)]);
        assert_eq!(phase(&moved, 600), (false, None));
        assert_eq!(moved.next(at(600)).map(|next| next.since), Some(at(800)));
        let called_off = GoLive::new([change(500, true, 100), change(200, false, 200)]);
        assert_eq!((phase(&called_off, 600), called_off.next(at(0))), ((false, None), None));
        let sooner = GoLive::new([change(500, true, 100), change(200, true, 200)]);
        assert_eq!(phase(&sooner, 600), (true, Some(200)));
        assert_eq!(moved.next(at(800)), None, "it has come");
        let at_once = GoLive::new([change(100, true, 100), change(100, false, 100)]);
        assert_eq!(phase(&at_once, 100), (false, None), "the later of two decisions for one moment");
    }
}
