//! Is a reply owed? Lines of customers after a line of staff, and whether somebody has to answer.
//!
//! A request that is taken for a closing is a customer lost, and must not happen at all; a closing that is taken for a
//! request is a card too many.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use domain::closing::{Before, Features, judge};
use domain::message::MessageKind;
use domain::rules::{AnsweredBy, Rules};

/// The company's own lists are empty, as in the shipped configuration.
fn rules() -> Rules {
    let mut rules = common::rules(AnsweredBy::AnyStaff);
    rules.phrases.closing.clear();
    rules
}

/// Whether a line opens a wait after a line of staff.
fn opens(rules: &Rules, staff: &str, kind: MessageKind, text: &str) -> bool {
    let asked = Features::of(MessageKind::Text, staff, rules);
    let before = Before { question: asked.question, invites: asked.invites };
    judge(&Features::of(kind, text, rules), kind, before).opens()
}

/// What a table says: right, of how many that are not open to doubt, and every line judged otherwise.
struct Score {
    right: usize,
    decided: usize,
    lost: Vec<String>,
    loud: Vec<String>,
}

fn score(table: &str) -> Score {
    let rules = rules();
    let mut score = Score { right: 0, decided: 0, lost: Vec::new(), loud: Vec::new() };
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (staff, kind, text, owed) = match columns[..] {
            [staff, text, owed] => (staff, "text", text, owed),
            [staff, kind, text, owed] => (staff, kind, text, owed),
            _ => panic!("{line}"),
        };
        let kind = serde_json::from_value(kind.into()).unwrap();
        let opened = opens(&rules, staff, kind, &text.replace("\\n", "\n"));
        let owed = match owed {
            "yes" | "request" => true,
            "no" | "no_reply_needed" => false,
            "either" => continue,
            _ => panic!("{line}"),
        };
        score.decided += 1;
        match (owed, opened) {
            (true, false) => score.lost.push(line.to_owned()),
            (false, true) => score.loud.push(line.to_owned()),
            _ => score.right += 1,
        }
    }
    score
}

/// No request lost, and 95 of 100 right.
fn holds(table: &str) {
    let score = score(table);
    assert_eq!(score.lost, Vec::<String>::new());
    assert!(
        score.right * 100 >= score.decided * 95,
        "{} of {}: {:#?}",
        score.right,
        score.decided,
        score.loud
    );
}

#[test]
fn lines_from_reports() {
    holds(include_str!("closing/reported.tsv"));
}

#[test]
fn lines_that_were_held_out() {
    holds(include_str!("closing/held_out.tsv"));
}

#[test]
fn lines_of_a_second_set() {
    holds(include_str!("closing/second.tsv"));
}
