//! Lists after a ladder, and what ladders would have sent: worked examples on a day in Shanghai.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use chrono::{DateTime, TimeDelta};
use common::rules;
use domain::Timestamp;
use domain::calendar::{Calendar, TimeOfDay};
use domain::id::StaffName;
use domain::ladder::{Baseline, SkipReason, WaitView};
use domain::lists::{list_at, morning, time_of_list, times};
use domain::rules::{AnsweredBy, Ladders, Preset, Recipient, RoomView, Rules, Stage};
use domain::simulation::{Card, Waited, What, simulate};
use domain::span::Span;
use domain::wait::WaitKind;

/// On Monday, 2026-11-23, in Shanghai: "10:42".
fn at(text: &str) -> Timestamp {
    DateTime::parse_from_rfc3339(&format!("2026-11-23T{text}:00+08:00")).unwrap().to_utc()
}

fn calm() -> Rules {
    let mut rules = rules(AnsweredBy::AnyStaff);
    rules.calendars.pre_sales = Calendar::default();
    rules.calendars.after_sales = Calendar::default();
    rules.settle_calendars();
    rules.ladders = Ladders::default().with_preset(Preset::Calm);
    rules
}

#[test]
fn lists_have_times_on_the_clock_while_people_work() {
    let rules = calm();
    let calendar = rules.calendar(Stage::PreSales);
    let hourly = |now: Timestamp| time_of_list(Span::seconds(3_600), calendar, rules.time_zone, now);
    for (now, expected) in [
        ("08:59", None),
        ("09:00", None),
        ("09:59", None),
        ("10:00", Some("10:00")),
        ("10:59", Some("10:00")),
        ("12:00", Some("12:00")),
        ("12:59", Some("12:00")),
        ("13:00", None),
        ("13:59", None),
        ("14:00", Some("14:00")),
        ("18:30", Some("18:00")),
        ("19:00", None),
    ] {
        assert_eq!(hourly(at(now)), expected.map(at), "{now}");
    }
    assert_eq!(hourly(at("10:00") + TimeDelta::milliseconds(7)), Some(at("10:00")));
    let half = |now| time_of_list(Span::seconds(1_800), calendar, rules.time_zone, now);
    assert_eq!((half(at("13:30")), half(at("10:42"))), (None, Some(at("10:30"))));
    assert_eq!(rules.times_of_lists(at("10:42")).into_iter().collect::<Vec<_>>(), [at("10:00")]);
    assert!(common::rules(AnsweredBy::AnyStaff).times_of_lists(at("10:42")).is_empty(), "no ladder has one");
    let saturday = at("10:42") - TimeDelta::days(2);
    assert_eq!(hourly(saturday), None);
}

#[test]
fn who_climbed_the_ladder_stands_on_the_list_until_it_is_over() {
    let rules = calm();
    let deadlines = rules.deadlines(WaitKind::Request, RoomView::of_stage(Stage::PreSales));
    let baseline = Some(Baseline { at: at("09:10"), reason: SkipReason::Import });
    let wait = WaitView { opened_at: at("09:10"), baseline, closed: false, due: None };
    let stands = |wait: &WaitView, now: &str| list_at(deadlines, wait, rules.time_zone, at(now)).is_some();
    assert!(stands(&wait, "10:00") && stands(&wait, "11:00") && stands(&wait, "17:00"));
    assert!(!stands(&wait, "10:30") && !stands(&wait, "13:00"), "that is no time of a list");
    let later = WaitView { opened_at: at("09:20"), ..wait };
    assert!(stands(&later, "10:00"), "its last card is due at that moment");
    assert!(!stands(&WaitView { opened_at: at("09:21"), ..wait }, "10:00"));
    assert!(!stands(&WaitView { closed: true, ..wait }, "10:00"));
    assert!(!stands(&WaitView { baseline: None, ..wait }, "10:00"), "it never alarms");
    let soft = rules.deadlines(WaitKind::Soft, RoomView::of_stage(Stage::PreSales));
    assert_eq!(list_at(soft, &wait, rules.time_zone, at("10:00")), None);
    let all: Vec<Timestamp> = times(deadlines, rules.time_zone, at("09:50")..at("12:00")).collect();
    assert_eq!(all, [at("10:00"), at("11:00")]);
}

#[test]
fn a_working_morning_has_a_list() {
    let rules = calm();
    let list = |now| morning(&rules, TimeOfDay::NINE, now);
    assert_eq!(list(at("08:59")), None);
    assert_eq!(list(at("11:00")).map(|(_, at)| at), Some(at("09:00")));
    assert_eq!(list(at("11:00") - TimeDelta::days(1)), None, "a Sunday");
}

/// Cards as "10:42 王小售 600".
fn told(cards: &[Card<'_>]) -> Vec<String> {
    let what = |what: What| match what {
        What::Step(rung) => rung.to_string(),
        What::OwnerWanted => "owner".to_owned(),
        What::List => "list".to_owned(),
        What::Morning => "morning".to_owned(),
    };
    let time = |at: Timestamp| at.with_timezone(&chrono_tz::Asia::Shanghai).format("%H:%M");
    cards.iter().map(|card| format!("{} {} {}", time(card.at), card.to, what(card.what))).collect()
}

#[test]
fn the_cards_of_a_day_under_each_ladder() {
    let calm = calm();
    let (wang, li) = (StaffName("王小售".into()), StaffName("李小后".into()));
    let room = |owner| RoomView { stage: Stage::PreSales, name: "", owner };
    let waited = |number, owner, from: &str, to: Option<&str>| Waited {
        room: number,
        view: room(owner),
        kind: WaitKind::Request,
        opened_at: at(from),
        due: None,
        ended_at: to.map(at),
    };
    let day = at("00:00")..at("00:00") + TimeDelta::days(1);
    let run =
        |rules: &Rules, waits: &[Waited<'_>]| told(&simulate(rules, waits, &day, Some(TimeOfDay::NINE)));
    // Answered at the very moment at which a card is due.
    let quick = waited(0, Some(&wang), "10:00", Some("10:20"));
    assert_eq!(run(&calm, &[quick]), ["10:10 王小售 600"]);
    // Over lunch, and two on one list.
    let slow = waited(0, Some(&wang), "11:10", Some("15:30"));
    let other = waited(1, Some(&wang), "11:15", Some("14:10"));
    let both = run(&calm, &[slow, other]);
    assert_eq!(
        both,
        [
            "11:20 王小售 600",
            "11:25 王小售 600",
            "11:30 王小售 1200",
            "11:35 王小售 1200",
            "11:50 王小售 2400",
            "11:50 公共群 2400",
            "11:55 王小售 2400",
            "11:55 公共群 2400",
            "12:00 王小售 list",
            "12:00 公共群 list",
            "14:00 王小售 list",
            "14:00 公共群 list",
            "15:00 王小售 list",
            "15:00 公共群 list",
        ]
    );
    // Nobody owns the room: one is asked for, once a day, and then everybody is told.
    let nobody = [waited(2, None, "09:00", Some("09:15")), waited(2, None, "10:00", Some("10:45"))];
    assert_eq!(run(&calm, &nobody), ["09:10 公共群 owner", "10:40 公共群 2400"]);
    // From the days before: only what falls into the period.
    let old = Waited {
        opened_at: at("09:00") - TimeDelta::days(3),
        ..waited(3, Some(&li), "09:00", Some("10:30"))
    };
    assert_eq!(run(&calm, &[old]), ["09:00 公共群 morning", "10:00 李小后 list", "10:00 公共群 list"]);
    let report = Rules { ladders: Ladders::default(), ..calm.clone() };
    let told = run(&report, &[waited(0, Some(&wang), "10:00", Some("10:55"))]);
    let private: Vec<&String> = told.iter().filter(|card| card.contains("王小售")).collect();
    assert_eq!((private.len(), told.len()), (6, 10), "{told:?}");
    assert!(matches!(simulate(&calm, &[quick], &day, None)[0].to, Recipient::Person(_)));
}
