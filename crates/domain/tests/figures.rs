//! Figures by worked example.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use chrono::TimeDelta;
use common::{at, history, message};
use domain::calendar::Calendar;
use domain::figures::{Figures, Promises, Quantile, Sample, Within, figures, minutes};
use domain::fold::{FoldState, fold};
use domain::gap::{CoverageGaps, Gap};
use domain::id::RoomKey;
use domain::ladder::RungId;
use domain::presence::Presence;
use domain::rules::AnsweredBy;
use domain::wait::{Ending, Wait, WaitKind};

/// A wait of some seconds, answered or (for `None`) still open.
fn wait(lasted: Option<i64>) -> Wait {
    let mut entries = vec![message("a", 0, 1, "客户林", "在吗")];
    if let Some(lasted) = lasted {
        entries.push(message("b", lasted, 2, "王小售", "在"));
    }
    fold(FoldState::default(), &entries, &history(AnsweredBy::AnyStaff)).waits.remove(0).wait
}

fn ended(how: Ending) -> Wait {
    let mut wait = wait(Some(7_000));
    wait.outcome.as_mut().unwrap().how = how;
    wait
}

fn of(waits: &[Wait], now: i64) -> Figures {
    let calendar = Calendar::always();
    let samples = waits.iter().map(|wait| Sample { wait, in_gap: false, calendar: &calendar });
    figures(samples, &[RungId(60), RungId(300)], at(now))
}

const fn exactly(seconds: i64) -> Quantile {
    Quantile { time: TimeDelta::seconds(seconds), at_least: false }
}

const fn of_all(within: usize, of: usize) -> Within {
    Within { within, of }
}

#[test]
fn replies_are_measured_and_the_rest_is_counted() {
    let cancelled = Ending::Cancelled {
        by: "经理".into(),
        reason: String::new(),
        command: domain::id::CommandId("c".into()),
    };
    let mut waits: Vec<Wait> = [30, 60, 120, 121, 669].map(|lasted| wait(Some(lasted))).into();
    let confirmed = Ending::Confirmed { by: "经理".into(), command: domain::id::CommandId("d".into()) };
    waits.extend([ended(cancelled), ended(confirmed), ended(Ending::Withdrawn), ended(Ending::Unobserved)]);
    let figures = of(&waits, 10_000);
    assert_eq!((figures.answered, figures.cancelled, figures.withdrawn, figures.unobserved), (5, 1, 1, 1));
    assert_eq!((figures.confirmed, figures.open), (1, 0), "a confirmed reply has no time");
    assert_eq!(figures.over_two_minutes, 2);
    assert_eq!(figures.mean, Some(TimeDelta::seconds(200)));
    assert_eq!((figures.median, figures.p90), (Some(exactly(120)), Some(exactly(669))));
    assert_eq!(figures.within, [(RungId(60), of_all(2, 5)), (RungId(300), of_all(4, 5))]);
}

#[test]
fn soft_waits_are_counted_apart() {
    let mut waits = [wait(Some(6_000)), wait(None), ended(Ending::Unobserved), wait(Some(30))];
    waits[..3].iter_mut().for_each(|wait| wait.kind = WaitKind::Soft);
    let figures = of(&waits, 9_000);
    assert_eq!((figures.soft, figures.answered, figures.open, figures.unobserved), (3, 1, 0, 0));
    assert_eq!((figures.over_two_minutes, figures.median), (0, Some(exactly(30))));
}

#[test]
fn promises_are_counted_apart_from_replies() {
    let said = |promise: &str, kept: Option<i64>| -> Vec<Wait> {
        let mut entries =
            vec![message("a", 0, 1, "客户林", "报价多少"), message("b", 60, 2, "王小售", promise)];
        entries.extend(kept.map(|at| message("c", at, 3, "王小售", "三千元")));
        let folded = fold(FoldState::default(), &entries, &history(AnsweredBy::AnyStaff));
        folded.waits.into_iter().map(|folded| folded.wait).collect()
    };
    let mut waits = [
        said("稍等", Some(660)),
        said("10分钟后给您", Some(661)),
        said("10分钟后给您", Some(660)),
        said("马上", None),
        said("马上", None),
    ]
    .concat();
    waits.last_mut().unwrap().outcome = ended(Ending::Unobserved).outcome;
    waits.push(wait(Some(30)));
    let figures = of(&waits, 9_000);
    assert_eq!((figures.answered, figures.held, figures.open), (6, 5, 0));
    assert_eq!(figures.mean, Some(TimeDelta::seconds(55)));
    let Promises { kept, open, ended, late, mean } = figures.promises;
    assert_eq!((kept, open, ended, late), (3, 1, 1, 1));
    assert_eq!(mean, Some(TimeDelta::nanoseconds(600_333_333_333)));
}

#[test]
fn an_open_wait_counts_as_at_least_so_long() {
    let waits = [wait(Some(30)), wait(Some(60)), wait(None), wait(None)];
    let figures = of(&waits, 100);
    assert_eq!((figures.open, figures.longest_open), (2, Some(TimeDelta::seconds(100))));
    assert_eq!(figures.median, Some(exactly(60)));
    assert_eq!(figures.p90, Some(Quantile { time: TimeDelta::seconds(100), at_least: true }));
    assert_eq!(figures.within, [(RungId(60), of_all(2, 4)), (RungId(300), of_all(2, 2))]);
    assert_eq!(figures.mean, Some(TimeDelta::seconds(45)));
}

#[test]
fn a_wait_is_uncertain_while_it_overlaps_a_capture_gap() {
    let room = RoomKey { source: "test".into(), id: "r".into() };
    let gap = Gap { source: "test".into(), account: None, since: at(100), until: Some(at(200)) };
    let coverage = CoverageGaps::of(&room, &Presence::default(), &[gap]);
    for (lasted, now, expected) in [
        (Some(100), 9_000, false),
        (Some(101), 9_000, true),
        (Some(6_000), 9_000, true),
        (None, 100, false),
        (None, 101, true),
    ] {
        assert_eq!(coverage.affects(&wait(lasted), at(now)), expected, "{lasted:?} at {now}");
    }
}

#[test]
fn a_wait_in_a_capture_gap_stays_out() {
    let (slow, quick) = (wait(Some(6_000)), wait(Some(30)));
    let calendar = Calendar::always();
    let sample = |wait, in_gap| Sample { wait, in_gap, calendar: &calendar };
    let figures = figures([sample(&slow, true), sample(&quick, false)], &[], at(9_000));
    assert_eq!((figures.left_out.unverified, figures.answered, figures.over_two_minutes), (1, 1, 0));
    assert_eq!(figures.median, Some(exactly(30)));
}

/// Rooms of two stages in one figure: each wait counts by the calendar of its own.
#[test]
fn each_wait_counts_by_its_calendar() {
    let (one, other) = (wait(Some(100)), wait(Some(100)));
    let (always, slower) = (Calendar::always(), Calendar::half_pace());
    let sample = |wait, calendar| Sample { wait, in_gap: false, calendar };
    let figures = figures([sample(&one, &always), sample(&other, &slower)], &[RungId(60)], at(9_000));
    assert_eq!(figures.mean, Some(TimeDelta::seconds(75)));
    assert_eq!(figures.within, [(RungId(60), of_all(1, 2))]);
}

#[test]
fn nothing_gives_no_figures() {
    let figures = of(&[], 0);
    assert_eq!((figures.median, figures.mean, figures.longest_open), (None, None, None));
    assert_eq!(figures.within, [(RungId(60), of_all(0, 0)), (RungId(300), of_all(0, 0))]);
}

#[test]
fn minutes_have_two_decimals() {
    for (milliseconds, expected) in [(0, 0.0), (90_000, 1.5), (61_199, 1.01), (5_280_000, 88.0)] {
        assert!((minutes(TimeDelta::milliseconds(milliseconds)) - expected).abs() < 1e-9);
    }
}
