//! How a wait counts, by worked example: a company with different hours before and after the sale.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use chrono::{DateTime, TimeDelta};
use domain::Timestamp;
use domain::gap::{CoverageGaps, Gap};
use domain::golive::{Change, GoLive};
use domain::id::{PersonKey, RoomKey, StaffName};
use domain::performance::{Assessment, Circumstances, Standing, WaitFacts, assess};
use domain::presence::Presence;
use domain::role::Role;
use domain::rules::{Rules, RulesHistory, RulesVersion, Stage, Team};
use domain::wait::{Ending, Outcome};
use serde_json::json;

/// A moment in Shanghai.
fn at(text: &str) -> Timestamp {
    DateTime::parse_from_str(&format!("{text}:00+0800"), "%Y-%m-%d %H:%M:%S%z").unwrap().to_utc()
}

fn rules(pre_sales_ends: &str) -> Rules {
    let hours = |from: &str, to: &str| json!({ "hours": [format!("{from}-{to}")], "public_holidays": false });
    serde_json::from_value(json!({
        "time_zone": "Asia/Shanghai",
        "company_names": ["示例公司"],
        "roster": [
            { "name": "王小售", "team": "pre_sales", "contacts": [] },
            { "name": "李小后", "team": "after_sales", "contacts": [] }
        ],
        "phrases": { "version": 1 },
        "calendars": { "pre_sales": hours("09:00", pre_sales_ends), "after_sales": hours("08:00", "20:00") },
        "excluded_rooms": { "rooms": ["test:internal"] }
    }))
    .unwrap()
}

/// From Wednesday on people stay until seven.
fn history() -> RulesHistory {
    let version = |version, from: &str, rules| RulesVersion {
        version,
        valid_from: at(from),
        applied_at: at(from),
        rules,
    };
    RulesHistory::new(vec![
        version(1, "2026-11-01 00:00", rules("18:00")),
        version(2, "2026-11-25 00:00", rules("19:00")),
    ])
    .unwrap()
}

fn staff(name: &str) -> StaffName {
    StaffName(name.into())
}

/// Of 王小售, before the sale.
fn asked(opened: &str) -> WaitFacts {
    WaitFacts {
        opened_at: at(opened),
        of_history: false,
        owner: Some(staff("王小售")),
        stage: Stage::PreSales,
        outcome: None,
    }
}

fn answered(opened: &str, ended: &str, owner: &str, stage: Stage) -> WaitFacts {
    let by = PersonKey { source: "test".into(), id: "li".into() };
    let how = Ending::Answered { by, name: "李小后".into(), role: Role::AfterSales, holding: false };
    let outcome = Outcome { at: at(ended), how, owner: Some(staff(owner)), stage };
    WaitFacts { outcome: Some(outcome), ..asked(opened) }
}

fn counted(wait: &WaitFacts) -> Assessment {
    counted_in("room", wait, &[])
}

fn counted_in(room: &str, wait: &WaitFacts, gaps: &[Gap]) -> Assessment {
    let room = RoomKey { source: "test".into(), id: room.into() };
    let live = Change { since: at("2026-11-20 00:00"), live: true, noted_at: at("2026-11-19 00:00") };
    assess(
        wait,
        &Circumstances {
            room: &room,
            topic: "示例公司-云帆",
            owner: Some(&staff("李小后")),
            stage: Stage::AfterSales,
            rules: &history(),
            golive: &GoLive::new([live]),
            gaps: &CoverageGaps::of(&room, &Presence::default(), gaps),
            now: at("2026-11-27 12:00"),
        },
    )
}

#[test]
fn a_wait_belongs_to_the_day_and_hour_at_which_its_clock_starts() {
    for (opened, day, hour) in [
        ("2026-11-23 10:30", "2026-11-23", 10),
        ("2026-11-23 07:00", "2026-11-23", 9),
        ("2026-11-23 18:30", "2026-11-24", 9),
        ("2026-11-25 18:30", "2026-11-25", 18),
        ("2026-11-20 23:59", "2026-11-23", 9),
    ] {
        let counted = counted(&asked(opened));
        assert_eq!((counted.day, counted.hour), (day.parse().unwrap(), hour), "{opened}");
    }
}

#[test]
fn it_is_whose_room_it_was_when_it_was_opened() {
    let handed_over = answered("2026-11-23 10:00", "2026-11-23 11:00", "李小后", Stage::AfterSales);
    let found = counted(&handed_over);
    assert_eq!((found.owner, found.team), (Some(staff("王小售")), Some(Team::PreSales)));
    let nobodys = |wait: WaitFacts| counted(&WaitFacts { owner: None, ..wait }).owner;
    let ended = answered("2026-11-23 10:00", "2026-11-23 11:00", "赵小助", Stage::PreSales);
    assert_eq!(nobodys(ended.clone()), Some(staff("赵小助")), "the owner at the end");
    assert_eq!(nobodys(asked("2026-11-23 10:00")), Some(staff("李小后")), "the owner now");
    assert_eq!(counted(&WaitFacts { owner: None, ..ended }).team, None, "not in the roster");
}

#[test]
fn its_time_is_counted_by_the_calendar_of_the_stage_and_the_rules_at_its_end() {
    let time = |opened, ended, stage| counted(&answered(opened, ended, "王小售", stage)).time;
    let (pre, after) = (Stage::PreSales, Stage::AfterSales);
    for (opened, ended, stage, minutes) in [
        ("2026-11-23 17:30", "2026-11-24 09:10", pre, 40),
        ("2026-11-23 17:30", "2026-11-24 09:10", after, 220),
        ("2026-11-25 17:30", "2026-11-26 09:10", pre, 100),
        // By the hours of Wednesday, Tuesday evening counts too.
        ("2026-11-24 17:30", "2026-11-25 09:10", pre, 100),
        ("2026-11-21 12:00", "2026-11-22 12:00", pre, 0),
    ] {
        let expected = Some(TimeDelta::minutes(minutes));
        assert_eq!(time(opened, ended, stage), expected, "{opened} to {ended}, {stage}");
    }
    let open = counted(&asked("2026-11-23 10:00"));
    assert_eq!((open.time, open.stage), (None, Stage::AfterSales), "the room's stage now");
}

#[test]
fn the_first_reason_that_leaves_it_out_is_named() {
    let gap = |since: &str, until: &str| Gap {
        source: "test".into(),
        account: None,
        since: at(since),
        until: Some(at(until)),
    };
    let gaps = [gap("2026-11-18 00:00", "2026-11-19 00:00"), gap("2026-11-23 10:10", "2026-11-23 10:20")];
    let of = |room: &str, opened: &str, ended: &str, of_history: bool| {
        let wait = answered(opened, ended, "王小售", Stage::PreSales);
        counted_in(room, &WaitFacts { of_history, ..wait }, &gaps).standing
    };
    let before_live = ("2026-11-18 10:00", "2026-11-18 11:00");
    assert_eq!(of("internal", before_live.0, before_live.1, true), Standing::Excluded);
    assert_eq!(of("room", before_live.0, before_live.1, true), Standing::History);
    assert_eq!(of("room", before_live.0, before_live.1, false), Standing::Rehearsal);
    assert_eq!(of("room", "2026-11-23 10:00", "2026-11-23 10:11", false), Standing::Unverified);
    assert_eq!(of("room", "2026-11-23 10:00", "2026-11-23 10:10", false), Standing::Counted);
    assert_eq!(of("room", "2026-11-23 10:20", "2026-11-23 10:30", false), Standing::Counted);
}
