//! In which order live messages were captured, and what follows from it for their place in the timeline.
//!
//! Sources stamp messages late or in a row, in whole seconds or by clocks of their own. A live message must not come to
//! stand before what had been captured when it came: a question asked after a reply would lie behind that reply and wait
//! unseen. So a live message stands at its own time, or at the latest time of what the same account had captured live
//! before it, whichever is later. Messages that were no longer fresh when they came, and imported ones, move nobody: of
//! them the arrival says nothing.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A live message that arrives later than this after its sent time says nothing of when others were sent.
pub const FRESH: TimeDelta = TimeDelta::minutes(2);

/// When a message was sent, as its source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceTime {
    /// Sent time, in whole milliseconds.
    pub at: Timestamp,
    /// The source's own order between equal times; 0 where it gives none.
    #[serde(default)]
    pub order: i64,
}

/// One live message, as far as its place is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captured {
    /// Its place in the order of capture.
    pub seq: i64,
    /// When it was sent, as its source says.
    pub sent: SourceTime,
    /// When it reached us.
    pub received_at: Timestamp,
}

/// How far each of our accounts has captured a room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CaptureProgress(BTreeMap<String, Reached>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Reached {
    /// The highest place in the order of capture.
    seq: i64,
    /// The latest sent time of a message that was fresh when it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latest: Option<SourceTime>,
}

impl CaptureProgress {
    /// Whether something that an account captured later than `seq` is here already: then [`places`] has to say where
    /// all of it stands.
    pub fn is_past(&self, account: &str, seq: i64) -> bool {
        self.0.get(account).is_some_and(|reached| seq < reached.seq)
    }

    /// Takes in the next live message of an account. When it counts as sent.
    pub fn place(&mut self, account: &str, captured: &Captured) -> SourceTime {
        let reached = match self.0.get_mut(account) {
            Some(reached) => reached,
            None => self.0.entry(account.to_owned()).or_default(),
        };
        // Between equal times the source's own order counts.
        let place = reached.latest.filter(|latest| latest.at > captured.sent.at).unwrap_or(captured.sent);
        reached.seq = reached.seq.max(captured.seq);
        if captured.received_at - captured.sent.at <= FRESH {
            reached.latest = reached.latest.max(Some(captured.sent));
        }
        place
    }
}

/// When each of an account's live messages of a room counts as sent, in the order of `captured`, which may be any.
pub fn places(captured: &[Captured]) -> Vec<SourceTime> {
    let mut order: Vec<usize> = (0..captured.len()).collect();
    order.sort_by_key(|at| captured[*at].seq);
    let mut places: Vec<SourceTime> = captured.iter().map(|one| one.sent).collect();
    let mut progress = CaptureProgress::default();
    for at in order {
        places[at] = progress.place("", &captured[at]);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn captured(seq: i64, sent: i64, received: i64) -> Captured {
        Captured { seq, sent: SourceTime { at: at(sent), order: 0 }, received_at: at(received) }
    }

    fn seconds(captured: &[Captured]) -> Vec<i64> {
        places(captured).into_iter().map(|place| (place.at - at(0)).num_seconds()).collect()
    }

    #[test]
    fn a_message_that_came_after_another_does_not_stand_before_it() {
        let late = [captured(1, 100, 101), captured(2, 40, 200), captured(3, 120, 201)];
        assert_eq!(seconds(&late), [100, 100, 120]);
        let in_another_order = [late[2], late[0], late[1]];
        assert_eq!(seconds(&in_another_order), [120, 100, 100]);
    }

    #[test]
    fn what_was_not_fresh_when_it_came_moves_nobody() {
        let shuffled = [captured(1, 3_000, 9_000), captured(2, 1_000, 9_000), captured(3, 2_000, 9_000)];
        assert_eq!(seconds(&shuffled), [3_000, 1_000, 2_000]);
    }

    #[test]
    fn accounts_do_not_move_each_other() {
        let mut progress = CaptureProgress::default();
        progress.place("one", &captured(1, 100, 100));
        assert_eq!(progress.place("other", &captured(2, 50, 110)).at, at(50));
        assert!(progress.is_past("one", 0) && !progress.is_past("one", 2) && !progress.is_past("new", 0));
    }
}
