//! Which card is due: worked examples in the report's values, and properties over random ladders.

mod common;

use std::collections::BTreeSet;

use chrono::TimeDelta;
use common::{at, rules};
use domain::Timestamp;
use domain::calendar::Calendar;
use domain::ladder::{
    Baseline, Due, Passed, RungId, SkipReason, WaitView, current_level, due, next_after, next_due, steps,
};
use domain::rules::{AnsweredBy, Audience, Deadlines, Ladder, Repeat, Rung, Severity, Stage};
use domain::span::Span;
use proptest::prelude::*;

const LIVE: fn() -> WaitView =
    || WaitView { opened_at: at(0), baseline: Some(since(0, SkipReason::Import)), closed: false, due: None };

fn since(seconds: i64, reason: SkipReason) -> Baseline {
    Baseline { at: at(seconds), reason }
}

fn report() -> Ladder {
    rules(AnsweredBy::AnyStaff).ladders.pre_sales
}

fn ids(seconds: &[u64]) -> BTreeSet<RungId> {
    seconds.iter().copied().map(RungId).collect()
}

fn due_at<'l>(ladder: &'l Ladder, wait: WaitView, sent: &[u64], now: i64) -> Option<Due<'l>> {
    due(on(ladder, always()), wait, &ids(sent), at(now)).due
}

fn always() -> &'static Calendar {
    static ALWAYS: std::sync::LazyLock<Calendar> = std::sync::LazyLock::new(Calendar::always);
    &ALWAYS
}

fn on<'r>(ladder: &'r Ladder, calendar: &'r Calendar) -> Deadlines<'r> {
    Deadlines { ladder, calendar }
}

fn told(due: Option<Due<'_>>) -> Option<(u64, Vec<u64>)> {
    due.map(|due| (due.rung.0, due.superseded.iter().map(|rung| rung.0).collect()))
}

/// The first rung is due at the stated time, and the others as long after it as they stand apart.
#[test]
fn a_stated_time_moves_the_ladder() {
    let ladder = rules(AnsweredBy::AnyStaff).ladders.promise;
    let promised = WaitView { due: Some(at(10_000)), ..LIVE() };
    let told = |sent: &[u64], now| told(due_at(&ladder, promised, sent, now));
    assert_eq!(told(&[], 9_999), None);
    assert_eq!(told(&[], 10_000), Some((1_800, vec![])));
    assert_eq!(told(&[1_800], 11_799), None);
    assert_eq!(told(&[1_800], 11_800), Some((3_600, vec![])));
    let calendar = Calendar::always();
    let deadlines = on(&ladder, &calendar);
    let elapsed = |now| deadlines.elapsed(&promised, at(now)).num_seconds();
    assert_eq!((elapsed(9_999), elapsed(10_000), elapsed(11_800)), (0, 1_800, 3_600));
    let unstated = WaitView { due: None, ..promised };
    assert_eq!(next_due(deadlines, unstated, &ids(&[])), Some(at(1_800)));
    assert_eq!(deadlines.elapsed(&unstated, at(60)).num_seconds(), 60);
}

#[test]
fn the_next_step_is_found_until_the_last() {
    let (soft, calendar) = (rules(AnsweredBy::AnyStaff).ladders.soft, Calendar::always());
    let next = |after| next_after(on(&soft, &calendar), LIVE(), at(after));
    assert_eq!((next(0), next(1_799)), (Some(at(1_800)), Some(at(1_800))));
    assert_eq!(next(1_800), None, "its only one");
}

/// By working hours: at closing still, at night and on days off at the next opening.
#[test]
fn a_stated_time_outside_of_working_hours_is_the_next_opening() {
    let mut rules = rules(AnsweredBy::AnyStaff);
    rules.calendars.pre_sales = Calendar::default();
    rules.settle_calendars();
    let deadlines = on(&rules.ladders.promise, rules.calendar(Stage::PreSales));
    let moment = |text: &str| text.parse::<Timestamp>().unwrap();
    for (due, first) in [
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ("2026-11-21T10:00:00Z", "2026-11-23T01:00:01Z"),
        ("2026-11-23T04:20:00Z", "2026-11-23T05:30:01Z"),
        ("2026-11-23T13:00:00Z", "2026-11-24T01:00:01Z"),
        ("2026-11-23T03:00:00Z", "2026-11-23T03:00:00Z"),
    ] {
        let promised = WaitView { due: Some(moment(due)), ..LIVE() };
        assert_eq!(deadlines.of(&promised, RungId(1_800)), moment(first), "{due}");
        assert_eq!(deadlines.elapsed(&promised, moment(first) - TimeDelta::seconds(1)), TimeDelta::zero());
    }
}

#[test]
fn by_deadline_and_only_the_highest() {
    let ladder = report();
    for (sent, now, expected) in [
        (&[][..], 299, None),
        (&[], 300, Some((300, vec![]))),
        (&[], 345, Some((300, vec![]))),
        (&[300], 345, None),
        (&[300], 600, Some((600, vec![]))),
        (&[], 1_300, Some((1_200, vec![300, 600]))),
        (&[300], 100_000, Some((4_200, vec![600, 1_200, 1_800, 2_400, 3_000, 3_600]))),
        (&[4_200], 100_000, None),
        (&[1_200], 1_300, None),
    ] {
        assert_eq!(told(due_at(&ladder, LIVE(), sent, now)), expected, "{sent:?} at {now}");
    }
    let late = due_at(&ladder, LIVE(), &[], 345).unwrap();
    assert_eq!((late.severity, late.audience), (Severity::Turquoise, &[Audience::Owner][..]));
    assert_eq!((late.overdue, late.waited), (TimeDelta::seconds(45), TimeDelta::seconds(345)));
    let repeat = due_at(&ladder, LIVE(), &[1_800], 2_400).unwrap();
    let everybody = &[Audience::Owner, Audience::Public][..];
    assert_eq!((repeat.severity, repeat.audience), (Severity::Grey, everybody));
    let thresholds: Vec<u64> = steps(&ladder).map(|step| step.rung.0).collect();
    assert_eq!(thresholds, [300, 600, 1_200, 1_800, 2_400, 3_000, 3_600, 4_200]);
}

#[test]
fn deadlines_lie_on_the_calendar() {
    let (ladder, calendar) = (report(), Calendar::half_pace());
    let deadlines = on(&ladder, &calendar);
    assert_eq!(next_due(deadlines, LIVE(), &ids(&[])), Some(at(600)));
    assert_eq!(due(deadlines, LIVE(), &ids(&[]), at(599)).due, None);
    let first = due(deadlines, LIVE(), &ids(&[]), at(620)).due.unwrap();
    assert_eq!((first.rung, first.deadline), (RungId(300), at(600)));
    assert_eq!((first.overdue, first.waited), (TimeDelta::seconds(20), TimeDelta::seconds(310)));
}

/// Whatever happened at the baseline: what was due before is skipped with the reason, what was due since is sent, late
/// or not.
#[test]
fn nothing_that_was_due_before_the_baseline() {
    let mut wait = LIVE();
    let reason = SkipReason::RulesChanged;
    for (baseline, sent, now, card, skipped) in [
        (700, &[][..], 800, None, Some(600)),
        (700, &[600], 800, None, None),
        (700, &[300], 1_900, Some((1_800, vec![1_200])), Some(600)),
        (700, &[600], 1_900, Some((1_800, vec![1_200])), None),
        (600, &[], 600, Some((600, vec![])), Some(300)),
        (100, &[], 1_900, Some((1_800, vec![300, 600, 1_200])), None),
        (9_000, &[], 9_001, None, Some(4_200)),
        (9_000, &[], 200, None, None),
    ] {
        wait.baseline = Some(since(baseline, reason));
        let ladder = report();
        let Passed { due: card_due, skipped: not_sent } =
            due(on(&ladder, always()), wait, &ids(sent), at(now));
        let case = format!("{sent:?} at {now}, nothing before {baseline}");
        assert_eq!(told(card_due), card, "{case}");
        assert_eq!(
            not_sent.map(|not_sent| (not_sent.step.rung.0, not_sent.reason)),
            skipped.map(|rung| (rung, reason)),
            "{case}"
        );
    }
    wait.baseline = None;
    assert_eq!(due(on(&report(), &Calendar::always()), wait, &ids(&[]), at(9_000)), Passed::default());
    assert_eq!(next_due(on(&report(), &Calendar::always()), wait, &ids(&[])), None);
}

#[test]
fn the_latest_of_several_reasons_counts() {
    let wait = LIVE()
        .since(Some(at(500)), SkipReason::WentLive)
        .since(None, SkipReason::Rejudged)
        .since(Some(at(700)), SkipReason::RulesChanged)
        .since(Some(at(600)), SkipReason::HandedOver);
    assert_eq!(wait.baseline, Some(since(700, SkipReason::RulesChanged)));
    let history = WaitView { baseline: None, ..LIVE() };
    assert_eq!(history.since(Some(at(500)), SkipReason::WentLive).baseline, None);
}

#[test]
fn the_level_shown_is_the_highest_passed() {
    let level = |seconds| {
        current_level(&report(), TimeDelta::seconds(seconds)).map(|(rung, severity)| (rung.0, severity))
    };
    assert_eq!(level(299), None);
    assert_eq!(level(300), Some((300, Severity::Turquoise)));
    assert_eq!(level(1_801), Some((1_800, Severity::Red)));
    assert_eq!(level(90_000), Some((4_200, Severity::Grey)));
    assert_eq!(level(-3), None);
}

#[test]
fn a_rung_is_written_as_its_seconds() {
    assert_eq!(serde_json::to_string(&RungId(1_200)).unwrap(), "\"1200\"");
    assert_eq!("1200".parse(), Ok(RungId(1_200)));
    assert!("20m".parse::<RungId>().is_err());
}

fn ladder() -> impl Strategy<Value = Ladder> {
    let thresholds = prop::collection::btree_set(1_u64..500, 1..6);
    let repeat = prop::option::of((1_u64..60, 0_u64..700));
    (thresholds, repeat).prop_map(|(thresholds, repeat)| {
        let rung = |after: &u64| Rung {
            after: Span::seconds(*after),
            severity: Severity::Yellow,
            audience: vec![Audience::Owner],
            mention: true,
            breakthrough: false,
        };
        let repeat = repeat.map(|(every, until)| Repeat {
            every: Span::seconds(every),
            severity: Severity::Grey,
            audience: vec![Audience::Owner, Audience::Public],
            mention: true,
            breakthrough: false,
            until: Span::seconds(until),
        });
        Ladder { rungs: thresholds.iter().map(rung).collect(), repeat, list: None }
    })
}

/// Lets the clock tick at some moments, sending what is due. What was sent, and what was superseded.
fn run(ladder: &Ladder, wait: WaitView, ticks: &[i64]) -> (Vec<u64>, Vec<u64>) {
    let mut known = BTreeSet::new();
    let (mut sent, mut superseded) = (Vec::new(), Vec::new());
    for now in ticks {
        let Some(card) = due(on(ladder, always()), wait, &known, at(*now)).due else { continue };
        known.extend(card.superseded.iter().copied().chain([card.rung]));
        superseded.extend(card.superseded.iter().map(|rung| rung.0));
        sent.push(card.rung.0);
        assert_eq!(
            due(on(ladder, &Calendar::always()), wait, &known, at(*now)),
            Passed::default(),
            "one card a tick"
        );
    }
    (sent, superseded)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the ticks, every rung is sent or superseded once, none twice, and a late tick still sends.
    #[test]
    fn every_rung_passed_is_sent_or_superseded_once(
        ladder in ladder(),
        ticks in prop::collection::btree_set(0_i64..900, 1..8),
    ) {
        let ticks: Vec<i64> = ticks.into_iter().collect();
        let (sent, superseded) = run(&ladder, LIVE(), &ticks);
        let last = u64::try_from(*ticks.last().unwrap()).unwrap();
        let passed: Vec<u64> = steps(&ladder).map(|step| step.rung.0).filter(|rung| *rung <= last).collect();
        let mut handled = [sent.clone(), superseded].concat();
        handled.sort_unstable();
        prop_assert_eq!(handled, passed.clone());
        prop_assert_eq!(sent.last(), passed.last());
    }

    #[test]
    fn nothing_is_due_after_a_close(ladder in ladder(), now in 0_i64..100_000) {
        let closed = WaitView { closed: true, ..LIVE() };
        prop_assert_eq!(due_at(&ladder, closed, &[], now), None);
        prop_assert_eq!(next_due(on(&ladder, &Calendar::always()), closed, &ids(&[])), None);
    }

    /// A new rung leaves the keys of all others alone, and no card goes out twice because of it.
    #[test]
    fn inserting_a_rung_shifts_no_key(ladder in ladder(), new in 1_u64..500, now in 0_i64..900) {
        let mut longer = ladder.clone();
        let last = ladder.rungs.last().unwrap().after;
        prop_assume!(Span::seconds(new) < last && ladder.rungs.iter().all(|r| r.after != Span::seconds(new)));
        let rung = Rung { after: Span::seconds(new), ..ladder.rungs[0].clone() };
        let place = longer.rungs.partition_point(|r| r.after < rung.after);
        longer.rungs.insert(place, rung);
        let keys = |ladder: &Ladder| steps(ladder).map(|step| step.rung).collect::<BTreeSet<_>>();
        let mut expected = keys(&ladder);
        expected.insert(RungId(new));
        prop_assert_eq!(keys(&longer), expected);
        let (sent, superseded) = run(&ladder, LIVE(), &[now]);
        let known: Vec<u64> = [sent, superseded].concat();
        let again = due_at(&longer, LIVE(), &known, now);
        prop_assert!(again.is_none_or(|due| due.rung == RungId(new) && known.iter().all(|k| *k < new)));
    }

    /// A scheduler that sleeps until `next_due` misses nothing.
    #[test]
    fn next_due_is_the_first_moment_at_which_something_is_due(ladder in ladder(), now in 0_i64..900) {
        let (sent, superseded) = run(&ladder, LIVE(), &[now]);
        let known: Vec<u64> = [sent, superseded].concat();
        match next_due(on(&ladder, &Calendar::always()), LIVE(), &ids(&known)) {
            None => prop_assert_eq!(due_at(&ladder, LIVE(), &known, 1_000_000), None),
            Some(next) => {
                let next = (next - at(0)).num_seconds();
                prop_assert!(next > now);
                prop_assert!(due_at(&ladder, LIVE(), &known, next).is_some());
                prop_assert_eq!(due_at(&ladder, LIVE(), &known, next - 1), None);
            }
        }
    }
}
