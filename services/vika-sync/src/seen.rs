//! Which states of its room a row has shown, and when: an edit cancels what its author saw, and no more.

use chrono::TimeDelta;
use domain::Timestamp;
use store::vika_sync::{MAX_SEEN, Seen};

/// The unit in which distances are measured relative to their age.
const PER_AGE: i64 = 1_000_000;
/// The oldest state is remembered for this long: an edit may be read that late.
const SEEN_FOR: TimeDelta = TimeDelta::days(1);

/// Adds a state, unless the row shows it already.
pub fn push(seen: &mut Vec<Seen>, entry: &str, now: Timestamp) {
    if seen.last().is_none_or(|last| last.seen_up_to != entry) {
        seen.push(Seen { seen_up_to: entry.to_owned(), at: now });
        thin_out(seen, now);
    }
}

/// Keeps few states over a long time instead of the newest alone: an edit that is read late must find one before it. Where
/// one is missing, an edit cancels less than its author saw, never more.
fn thin_out(seen: &mut Vec<Seen>, now: Timestamp) {
    while seen.len() > MAX_SEEN {
        // Removes the one whose neighbours are closest to each other relative to its age, so that the newest stay.
        let age = |index: usize| (now - seen[index].at).num_milliseconds().max(1);
        let gap = |index: usize| (seen[index + 1].at - seen[index - 1].at).num_milliseconds();
        let densest = (1..seen.len() - 1).min_by_key(|index| gap(*index) * PER_AGE / age(*index));
        let first_is_old = now - seen[1].at >= SEEN_FOR;
        seen.remove(if first_is_old { 0 } else { densest.unwrap_or(0) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_drives_out_nothing_that_was_seen_long_before() {
        let at = |seconds| Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let mut list = Vec::new();
        let mut shows = |seconds: i64| {
            push(&mut list, &seconds.to_string(), at(seconds));
            list.iter().map(|seen| (seen.at - Timestamp::UNIX_EPOCH).num_seconds()).collect::<Vec<_>>()
        };
        shows(0);
        shows(3_600);
        let mut kept = Vec::new();
        for second in 7_200..7_300 {
            kept = shows(second);
        }
        assert_eq!((kept.len(), kept[0], kept[1]), (MAX_SEEN, 0, 3_600));
        assert_eq!(kept[MAX_SEEN - 3..], [7_297, 7_298, 7_299], "of the newest the least is lost");
        assert_eq!(shows(7_200 + 86_400)[0], 3_600, "what is more than a day old goes first");
    }
}
