//! The order of a timeline and its links, case by case; `arrival.rs` has the general law.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{cancel, message, recall, undo};
use domain::id::EntryId;
use domain::timeline::{Body, Entry, Timeline};

fn order(timeline: &Timeline) -> Vec<&str> {
    timeline.entries().iter().map(|entry| entry.id().as_str().rsplit(':').next().unwrap()).collect()
}

fn recalled(timeline: &Timeline) -> Vec<&str> {
    let taken_back = |entry: &&Entry| matches!(&entry.body, Body::Message(m) if m.recalled.is_some());
    timeline
        .entries()
        .iter()
        .filter(taken_back)
        .map(|entry| entry.id().as_str().rsplit(':').next().unwrap())
        .collect()
}

#[test]
fn by_sent_time_then_sequence_then_id() {
    let mut timeline = Timeline::default();
    for entry in [
        message("d", 5, 1, "客户林", "一"),
        message("c", 3, 9, "客户林", "二"),
        message("b", 3, 2, "客户林", "三"),
        message("a", 3, 9, "客户林", "四"),
    ] {
        assert_eq!(timeline.insert(entry.clone()), Some(entry.position));
    }
    assert_eq!(order(&timeline), ["b", "a", "c", "d"]);
    let third = timeline.entries()[2].position.clone();
    assert_eq!(timeline.entries_from(&third).len(), 2);
    assert_eq!(timeline.entries_after(Some(&third)).len(), 1);
    assert_eq!(timeline.entries_after(None).len(), 4);
}

#[test]
fn of_two_copies_the_lowest_sequence_stays() {
    let mut timeline = Timeline::default();
    let first = message("a", 3, 5, "客户林", "在吗");
    timeline.insert(first.clone());
    assert_eq!(timeline.insert(first.clone()), None);
    assert_eq!(timeline.insert(message("a", 3, 8, "客户林", "在吗")), None);
    assert_eq!(timeline.conflicts(), 0);
    assert_eq!(timeline.insert(message("a", 3, 8, "客户林", "好的")), None);
    assert_eq!(timeline.conflicts(), 1);
    let earlier = message("a", 4, 2, "客户林", "好的");
    assert_eq!(timeline.insert(earlier.clone()), Some(first.position), "where the old copy stood");
    assert_eq!(timeline.entries(), [earlier]);
    assert_eq!(timeline.conflicts(), 2);
}

#[test]
fn a_recall_may_come_before_its_message() {
    let mut timeline = Timeline::default();
    let back = recall("r", 9, 2, "a");
    assert_eq!(timeline.insert(back.clone()), Some(back.position.clone()));
    timeline.insert(message("a", 3, 3, "客户林", "在吗"));
    assert_eq!(recalled(&timeline), ["a"]);
    let mut usual = Timeline::default();
    let said = message("a", 3, 1, "客户林", "在吗");
    usual.insert(said.clone());
    assert_eq!(usual.insert(back), Some(said.position), "a recall touches the message it takes back");
    assert_eq!(recalled(&usual), ["a"]);
}

#[test]
fn a_cancel_follows_the_entry_it_stands_after() {
    let mut timeline = Timeline::default();
    let through = message("a", 3, 5, "客户林", "在吗");
    timeline.insert(cancel("x", 99, &through.position));
    timeline.insert(message("b", 4, 6, "客户林", "有人吗"));
    assert_eq!(order(&timeline), ["x", "b"]);
    timeline.insert(message("a", 5, 2, "客户林", "在吗"));
    assert_eq!(order(&timeline), ["b", "a", "x"], "directly after it, whatever the cancel's own clock");
    let undone = timeline.insert(undo("u", 100, 9, "x"));
    assert_eq!(undone.as_ref(), timeline.position(&EntryId("command:x".into())));
    assert!(timeline.entries().iter().any(|entry| matches!(&entry.body, Body::Cancel(c) if c.undone)));
}
