//! Lines that people cancel again and again: what a company may want to add to its closing phrases. Nothing is added
//! here; a person decides.

use std::collections::{BTreeMap, BTreeSet};

use super::line::{is_separator, without_mentions};
use super::quote::own_words;
use super::{Class, Features};
use crate::message::MessageKind;
use crate::rules::{Phrases, Rules};

/// A line in its normal form, and how often a wait that it opened was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The line, without mentions, quotes and the marks around it.
    pub phrase: String,
    /// How often.
    pub times: usize,
    /// In how many rooms.
    pub rooms: usize,
}

/// From how many cancels on, in how many rooms, a line is worth a look.
#[derive(Debug, Clone, Copy)]
pub struct Threshold {
    /// Cancels.
    pub times: usize,
    /// Rooms among them: what one customer says may mean something there.
    pub rooms: usize,
}

/// The candidates among cancelled lines, each with its room, the most frequent first. A line that these rules take for a
/// closing already is none, nor one that they would not take for one with the phrase.
pub fn candidates<'l>(
    cancelled: impl IntoIterator<Item = (&'l str, &'l str)>,
    rules: &Rules,
    least: Threshold,
) -> Vec<Candidate> {
    let mut seen: BTreeMap<String, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for (room, text) in cancelled {
        let (times, rooms) = seen.entry(normal_form(text)).or_default();
        *times += 1;
        rooms.insert(room);
    }
    let often = seen.into_iter().filter_map(|(phrase, (times, rooms))| {
        let candidate = Candidate { phrase, times, rooms: rooms.len() };
        (candidate.times >= least.times && candidate.rooms >= least.rooms).then_some(candidate)
    });
    let mut candidates: Vec<Candidate> =
        often.filter(|candidate| would_help(&candidate.phrase, rules)).collect();
    candidates.sort_by(|one, other| {
        (other.times, other.rooms, &one.phrase).cmp(&(one.times, one.rooms, &other.phrase))
    });
    candidates
}

fn normal_form(text: &str) -> String {
    let plain: String = without_mentions(own_words(text)).collect();
    plain.trim_matches(is_separator).to_owned()
}

/// Whether the phrase makes a closing of a line that is none.
fn would_help(phrase: &str, rules: &Rules) -> bool {
    if phrase.is_empty() || phrase.chars().count() > Phrases::LONGEST {
        return false;
    }
    let is_closing =
        |rules: &Rules| !matches!(Features::of(MessageKind::Text, phrase, rules).class, Class::Request);
    let mut with_it = rules.clone();
    with_it.phrases.closing.push(phrase.to_owned());
    !is_closing(rules) && is_closing(&with_it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rules;

    #[test]
    fn only_what_was_cancelled_often_and_in_several_rooms_is_a_candidate() {
        let lines = [
            ("r1", "得劲"),
            ("r2", "得劲！"),
            ("r3", "@王小售\u{2005}得劲～"),
            ("r4", "「王小售：发您了」\n- - - - - - - - -\n得劲"),
            ("r1", "溜得很"),
            ("r1", "溜得很"),
            ("r1", "溜得很"),
            ("r1", "什么时候发货？"),
            ("r2", "什么时候发货？"),
            ("r3", "什么时候发货？"),
            ("r1", "好的"),
            ("r2", "好的"),
            ("r3", "好的"),
            ("r1", "杠杠滴呀老铁"),
            ("r2", "杠杠滴呀老铁"),
        ];
        let least = |times, rooms| Threshold { times, rooms };
        let candidate = |phrase: &str, times, rooms| Candidate { phrase: phrase.to_owned(), times, rooms };
        let found = candidates(lines, &rules(), least(3, 2));
        assert_eq!(found, [candidate("得劲", 4, 4)], "one room, a question, a closing, too seldom");
        let found = candidates(lines, &rules(), least(2, 1));
        let expected = [candidate("得劲", 4, 4), candidate("溜得很", 3, 1), candidate("杠杠滴呀老铁", 2, 2)];
        assert_eq!(found, expected);
        assert_eq!(candidates([("r1", ""), ("r2", " ")], &rules(), least(1, 1)), []);
        assert_eq!(candidates([("r1", &*"长".repeat(61))], &rules(), least(1, 1)), []);
    }
}
