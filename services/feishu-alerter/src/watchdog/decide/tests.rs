use events::beat::Uncounted;
use store::alerts::alarms::{Gateway, Letters, Missing, Outbox};

use super::*;

fn now() -> Timestamp {
    Timestamp::from_timestamp(1_795_052_800, 0).unwrap()
}

fn ago(seconds: i64) -> Timestamp {
    now() - TimeDelta::seconds(seconds)
}

fn secs(seconds: i64) -> TimeDelta {
    TimeDelta::seconds(seconds)
}

fn well() -> Facts {
    Facts {
        bus_connected: true,
        silences: vec![("ingest".into(), secs(8)), ("room-state".into(), secs(59))],
        restarts: vec![("ingest".into(), 2, secs(20))],
        panics: vec![("ingest".into(), ago(600), "src/a.rs:1".into())],
        parts: vec![("ingest".into(), "fetch".into(), secs(59))],
        gateway: Some(gateway("live", Some(0))),
        missing: None,
        lags: vec![("room-state-chat".into(), 5_000, secs(59))],
        disks: vec![("/".into(), "ingest".into(), 10 * GIB, 100 * GIB)],
        vika: Vec::new(),
        huoban: Vec::new(),
        uncounted: None,
        letters: Vec::new(),
        outbox: Outbox { failing_since: Some(ago(299)), untried_since: Some(ago(299)), ..Outbox::default() },
        held: false,
        missing_holidays: Vec::new(),
    }
}

fn gateway(state: &str, live_ago: Option<i64>) -> Gateway {
    Gateway {
        gateway: "main".into(),
        state: state.into(),
        state_since: ago(40),
        last_live_at: live_ago.map(ago),
    }
}

fn keys(facts: &Facts) -> Vec<String> {
    decide(facts, &Thresholds::default(), now()).into_keys().collect()
}

#[test]
fn just_below_every_threshold_all_is_well() {
    assert_eq!(keys(&well()), Vec::<String>::new());
}

#[test]
fn each_kind_by_itself() {
    let letters = |reason: &str, count, last| Letters {
        service: "room-state".into(),
        reason: reason.into(),
        count,
        first_at: ago(900),
        last_at: ago(last),
    };
    let cases: [(&str, Facts); 18] = [
        ("holidays_missing:2027", Facts { missing_holidays: vec![(2027, ago(5))], ..well() }),
        ("silent:room-state", Facts { silences: vec![("room-state".into(), secs(60))], ..well() }),
        (
            "part_silent:ingest:fetch",
            Facts { parts: vec![("ingest".into(), "fetch".into(), secs(60))], ..well() },
        ),
        ("restarting:ingest", Facts { restarts: vec![("ingest".into(), 3, secs(20))], ..well() }),
        (
            "panicked:ingest",
            Facts { panics: vec![("ingest".into(), ago(599), "src/a.rs:1".into())], ..well() },
        ),
        ("gateway_lost:main", Facts { gateway: Some(gateway("connecting", Some(30))), ..well() }),
        ("gateway_lost:main", Facts { gateway: Some(gateway("suspect", Some(30))), ..well() }),
        ("gateway_lost:main", Facts { gateway: Some(gateway("auth_failed", None)), ..well() }),
        ("login_lost:main", Facts { gateway: Some(gateway("waiting_login", Some(10))), ..well() }),
        (
            "lagging:room-state-chat",
            Facts { lags: vec![("room-state-chat".into(), 5_000, secs(60))], ..well() },
        ),
        ("dead_letters:room-state", Facts { letters: vec![letters("refused", 1, 5)], ..well() }),
        (
            "payload_missing:main",
            Facts { missing: Some(Missing { count: 3, first_at: ago(900), last_at: ago(3_599) }), ..well() },
        ),
        ("disk_full:/", Facts { disks: vec![("/".into(), "ingest".into(), 9 * GIB, 100 * GIB)], ..well() }),
        ("disk_full:/", Facts { disks: vec![("/".into(), "ingest".into(), 2 * GIB - 1, 4 * GIB)], ..well() }),
        (
            "feishu_refuses",
            Facts { outbox: Outbox { failing_since: Some(ago(300)), ..Outbox::default() }, ..well() },
        ),
        (
            "feishu_refuses",
            Facts { outbox: Outbox { untried_since: Some(ago(300)), ..Outbox::default() }, ..well() },
        ),
        ("feishu_refuses", Facts { outbox: Outbox { failed_alarm_cards: 1, ..Outbox::default() }, ..well() }),
        (
            "cards_undelivered",
            Facts {
                outbox: Outbox { undelivered: 2, undelivered_at: Some(ago(60)), ..Outbox::default() },
                ..well()
            },
        ),
    ];
    for (key, facts) in cases {
        assert_eq!(keys(&facts), [key], "{facts:?}");
    }
}

#[test]
fn without_the_bus_what_was_known_stays() {
    let facts = Facts { bus_connected: false, ..well() };
    assert_eq!(keys(&facts), ["bus_lost"]);
    let facts = Facts { bus_connected: false, silences: vec![("ingest".into(), secs(60))], ..well() };
    assert_eq!(keys(&facts), ["bus_lost", "silent:ingest"], "silent before, and nobody says otherwise");
}

#[test]
fn services_on_one_full_disk_do_not_take_turns() {
    let told = |service: &str, free: u64| ("/".to_owned(), service.to_owned(), free, 100 * GIB);
    let found = |disks: Vec<_>| {
        let facts = Facts { disks, ..well() };
        decide(&facts, &Thresholds::default(), now()).remove("disk_full:/").map(|found| found.kind)
    };
    let first = found(vec![told("room-state", 8 * GIB + 5), told("ingest", 8 * GIB + 9)]);
    let expected =
        AlarmKind::DiskFull { path: "/".into(), service: "ingest".into(), free_gib: 8, free_percent: 8 };
    assert_eq!(first, Some(expected));
    assert_eq!(found(vec![told("room-state", 8 * GIB + 3), told("ingest", 8 * GIB + 1)]), first);
    assert_ne!(found(vec![told("room-state", 7 * GIB), told("ingest", 8 * GIB)]), first, "another machine's");
}

#[test]
fn what_was_held_back_is_not_blamed_for_it() {
    let facts = |held, untried| Facts {
        held,
        outbox: Outbox { untried_since: Some(ago(untried)), ..Outbox::default() },
        ..well()
    };
    let mut allowed_since = crate::watchdog::facts::AllowedSince::default();
    let mut keys_at = |mut facts: Facts, at: i64| {
        allowed_since.apply(&mut facts, ago(at));
        decide(&facts, &Thresholds::default(), ago(at)).into_keys().collect::<Vec<_>>()
    };
    assert_eq!(keys_at(facts(false, 9_000), 0), Vec::<String>::new(), "we have only started");
    assert_eq!(keys_at(facts(true, -500), -1_000), ["feishu_refuses"], "an alarm's card is never held back");
    assert_eq!(keys_at(facts(false, 9_000), -1_001), Vec::<String>::new(), "free since a moment ago");
    assert_eq!(keys_at(facts(false, 9_000), -1_299), Vec::<String>::new());
    assert_eq!(keys_at(facts(false, 9_000), -1_300), ["feishu_refuses"]);
}

#[test]
fn a_gateway_is_not_blamed_for_the_silence_of_the_one_that_writes_its_row() {
    let stopped = Facts { gateway: Some(gateway("stopped", Some(900))), ..well() };
    assert_eq!(keys(&stopped), Vec::<String>::new(), "ingest was asked to stop");
    let silences = vec![("ingest".to_owned(), secs(60))];
    let stale = Facts { silences, gateway: Some(gateway("connecting", Some(900))), ..well() };
    assert_eq!(keys(&stale), ["silent:ingest"]);
    let brief = Facts { gateway: Some(gateway("waiting_login", Some(9))), ..well() };
    assert_eq!(keys(&brief), Vec::<String>::new(), "it may be back at once");
}

#[test]
fn many_letters_are_one_alarm_until_none_has_come_for_long() {
    let letters = |reason: &str, count: i64, last| Letters {
        service: "room-state".into(),
        reason: reason.into(),
        count,
        first_at: ago(900),
        last_at: ago(last),
    };
    let facts = Facts { letters: vec![letters("refused", 2, 30), letters("undecodable", 5, 10)], ..well() };
    let all = decide(&facts, &Thresholds::default(), now());
    let found = &all["dead_letters:room-state"];
    let expected = AlarmKind::DeadLetters {
        service: "room-state".into(),
        count: 7,
        reasons: vec!["refused".into(), "undecodable".into()],
    };
    assert_eq!(found.kind, expected);
    assert_eq!((found.since, found.until), (ago(900), Some(ago(10) + LETTERS_RELEVANT_FOR)));
}

#[test]
fn numbers_move_a_card_only_when_they_matter() {
    for (number, expected) in [(0, 0), (7, 7), (19, 10), (4_999, 4_000), (50_000, 50_000)] {
        assert_eq!(rounded(number), expected);
    }
}

#[test]
fn a_state_is_believed_when_it_lasts_and_an_event_at_once() {
    let facts = Facts {
        silences: vec![("room-state".into(), secs(60))],
        panics: vec![("ingest".into(), ago(1), "src/a.rs:1".into())],
        ..well()
    };
    let all = || decide(&facts, &Thresholds::default(), now());
    let (mut confirmed, start) = (Confirmed::default(), Instant::now());
    let keys = |all: Findings| all.into_keys().collect::<Vec<_>>();
    assert_eq!(keys(confirmed.filter(all(), start)), ["panicked:ingest"]);
    assert_eq!(keys(confirmed.filter(Findings::new(), start + Duration::from_secs(2))), Vec::<String>::new());
    assert_eq!(keys(confirmed.filter(all(), start + Duration::from_secs(4))), ["panicked:ingest"], "anew");
    let later = start + Duration::from_secs(7);
    assert_eq!(keys(confirmed.filter(all(), later)), ["panicked:ingest", "silent:room-state"]);
}

/// Two services report one month and one sheet; each has a token of its own.
#[test]
fn what_keeps_services_from_vika_is_one_alarm_each() {
    let problem = |what, sheet: Option<&str>, seconds| OutsideProblem {
        what,
        sheet: sheet.map(str::to_owned),
        columns: Vec::new(),
        rows: Vec::new(),
        since: ago(seconds),
    };
    let mut facts = well();
    for (service, earlier) in [("vika-sync", 0), ("vika-reconcile", 30)] {
        for told in [
            problem(OutsideFailure::Quota, None, 60 + earlier),
            problem(OutsideFailure::Access, None, 60),
            problem(OutsideFailure::Columns, Some("今日群聊"), 60),
            problem(OutsideFailure::SheetFull, Some("今日群聊"), 60),
            problem(OutsideFailure::Rows, Some("今日群聊"), 60),
            problem(OutsideFailure::Allowance, None, 60),
            problem(OutsideFailure::Stalled, Some("今日群聊"), 60),
        ] {
            facts.vika.push((service.into(), told));
        }
    }
    let found = decide(&facts, &Thresholds::default(), now());
    assert_eq!(
        found.keys().map(String::as_str).collect::<Vec<_>>(),
        [
            "vika_access:vika-reconcile",
            "vika_access:vika-sync",
            "vika_allowance",
            "vika_columns:今日群聊",
            "vika_full:今日群聊",
            "vika_quota",
            "vika_rows:今日群聊",
            "vika_stalled:vika-reconcile",
            "vika_stalled:vika-sync"
        ]
    );
    assert_eq!(found["vika_quota"].since, ago(90), "the earliest counts");
}

#[test]
fn what_keeps_figures_from_huoban_and_rooms_from_being_counted_is_one_alarm_each() {
    let problem = |what, table: Option<&str>, seconds| OutsideProblem::new(what, table, ago(seconds));
    let mut facts = well();
    facts.huoban = vec![
        problem(OutsideFailure::Quota, None, 60),
        problem(OutsideFailure::Access, None, 60),
        problem(OutsideFailure::Access, Some("销售每日响应"), 60),
        problem(OutsideFailure::Columns, Some("销售每日响应"), 60),
        problem(OutsideFailure::Columns, Some("群聊每日响应"), 60),
        problem(OutsideFailure::Rows, Some("群聊每日响应"), 60),
        problem(OutsideFailure::Strays, None, 60),
        problem(OutsideFailure::Allowance, None, 60),
        problem(OutsideFailure::Stalled, None, 60),
        problem(OutsideFailure::Stalled, None, 90),
    ];
    facts.uncounted = Some(Uncounted { rooms: 7, first: vec!["webhook:r1".into()], since: ago(120) });
    let found = decide(&facts, &Thresholds::default(), now());
    assert_eq!(
        found.keys().map(String::as_str).collect::<Vec<_>>(),
        [
            "huoban_access:",
            "huoban_access:销售每日响应",
            "huoban_allowance",
            "huoban_columns:群聊每日响应",
            "huoban_columns:销售每日响应",
            "huoban_quota",
            "huoban_rows:群聊每日响应",
            "huoban_stalled",
            "huoban_strays",
            "rooms_uncounted"
        ]
    );
    assert_eq!(found["huoban_stalled"].since, ago(90), "the earliest counts");
    assert_eq!(found["rooms_uncounted"].since, ago(120));
}
