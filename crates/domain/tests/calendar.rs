//! Working time against an oracle that looks at the clock on the wall minute by minute, and on days that people know.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use chrono::{
    DateTime, Datelike as _, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Timelike as _, Weekday,
};
use chrono_tz::Tz;
use domain::Timestamp;
use domain::calendar::{Calendar, HolidayYear, Holidays, Hours, Interval};
use domain::rules::{Rules, Stage};
use proptest::prelude::*;
use serde_json::{Value, json};

const MINUTE: TimeDelta = TimeDelta::minutes(1);

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn hours(value: Value) -> Hours {
    serde_json::from_value(value).unwrap()
}

/// The years that are shipped.
fn shipped() -> Vec<HolidayYear> {
    [include_str!("../../../config/holidays/2025.json"), include_str!("../../../config/holidays/2026.json")]
        .map(|text| serde_json::from_str(text).unwrap())
        .to_vec()
}

fn shanghai(declared: Value) -> Calendar {
    Calendar::new(hours(declared), Tz::Asia__Shanghai, Arc::new(Holidays::of(&shipped())))
}

/// A moment in Shanghai: "2026-11-20 17:55", with seconds where they matter.
fn at(text: &str) -> Timestamp {
    let text = if text.len() == "2026-11-20 17:55".len() {
        format!("{text}:00+0800")
    } else {
        format!("{text}+0800")
    };
    DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%z").unwrap().to_utc()
}

/// Another reading of what is declared: one minute of the wall's clock at a time.
#[derive(Debug)]
struct Oracle {
    hours: Hours,
    zone: Tz,
    holidays: Vec<(NaiveDate, bool)>,
}

impl Oracle {
    fn parts(&self, day: NaiveDate) -> Vec<Interval> {
        let hours = &self.hours;
        let listed = |days: &[NaiveDate]| days.contains(&day);
        if listed(&hours.days_off) {
            return vec![];
        }
        if listed(&hours.working_days) {
            return hours.hours.clone();
        }
        let told = self.holidays.iter().rfind(|(date, _)| *date == day).filter(|_| hours.public_holidays);
        if let Some((_, off)) = told {
            return if *off { vec![] } else { hours.hours.clone() };
        }
        if let Some(second) = &hours.alternate_saturdays {
            let mut saturday = second.from;
            while saturday < day {
                saturday += TimeDelta::days(14);
            }
            if saturday == day {
                return second.hours.clone().unwrap_or_else(|| hours.hours.clone());
            }
        }
        let weekdays = &hours.weekdays;
        let (named, ordinary) = match day.weekday() {
            Weekday::Mon => (&weekdays.monday, true),
            Weekday::Tue => (&weekdays.tuesday, true),
            Weekday::Wed => (&weekdays.wednesday, true),
            Weekday::Thu => (&weekdays.thursday, true),
            Weekday::Fri => (&weekdays.friday, true),
            Weekday::Sat => (&weekdays.saturday, false),
            Weekday::Sun => (&weekdays.sunday, false),
        };
        let ordinary = if ordinary { hours.hours.clone() } else { vec![] };
        named.clone().unwrap_or(ordinary)
    }

    /// Whether the minute that begins then is worked.
    fn works(&self, minute: Timestamp) -> bool {
        let wall = minute.with_timezone(&self.zone);
        let of_day = u16::try_from(wall.hour() * 60 + wall.minute()).unwrap();
        self.parts(wall.date_naive()).iter().any(|part| part.minutes().contains(&of_day))
    }

    fn working_time(&self, from: Timestamp, to: Timestamp) -> TimeDelta {
        let (mut minute, mut sum) = (begin(from), TimeDelta::zero());
        while minute < to {
            if self.works(minute) {
                sum += (minute + MINUTE).min(to) - minute.max(from);
            }
            minute += MINUTE;
        }
        sum.max(TimeDelta::zero())
    }

    /// `None`: not within so many minutes.
    fn deadline(&self, from: Timestamp, seconds: i64, limit: usize) -> Option<Timestamp> {
        let (mut minute, mut left) = (begin(from), TimeDelta::seconds(seconds));
        if left.is_zero() {
            return Some(from);
        }
        for _ in 0..limit {
            if self.works(minute) {
                let begins = minute.max(from);
                let here = minute + MINUTE - begins;
                if left <= here {
                    return Some(begins + left);
                }
                left -= here;
            }
            minute += MINUTE;
        }
        None
    }

    fn next_opening(&self, from: Timestamp, limit: usize) -> Option<Timestamp> {
        let mut minute = begin(from);
        for _ in 0..limit {
            if self.works(minute) {
                return Some(minute.max(from));
            }
            minute += MINUTE;
        }
        None
    }
}

fn begin(of: Timestamp) -> Timestamp {
    of - TimeDelta::microseconds(of.timestamp_micros().rem_euclid(60_000_000))
}

/// Up to three parts of a day, to the quarter of an hour.
fn parts(least: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_set(0_u16..=96, least * 2..=6).prop_map(|quarters| {
        let ends: Vec<u16> = quarters.into_iter().map(|quarter| quarter * 15).collect();
        let text = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        ends.chunks_exact(2).map(|pair| format!("{}-{}", text(pair[0]), text(pair[1]))).collect()
    })
}

/// Around the changes of clocks of the zones, the new year, and a day that Samoa never had.
const TURNS: [&str; 10] = [
    "2026-03-29T00:00:00Z",
    "2026-10-25T00:00:00Z",
    "2026-03-08T06:00:00Z",
    "2026-11-01T05:00:00Z",
    "2026-04-04T15:00:00Z",
    "2026-10-03T15:00:00Z",
    "2026-12-30T12:00:00Z",
    "2026-02-13T12:00:00Z",
    "2026-09-30T12:00:00Z",
    "2011-12-29T12:00:00Z",
];

const ZONES: [Tz; 6] = [
    Tz::Asia__Shanghai,
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Kathmandu,
    Tz::Pacific__Apia,
];

prop_compose! {
    fn calendars()(
        turn in prop::sample::select(TURNS.to_vec()),
        zone in prop::sample::select(ZONES.to_vec()),
        hours in parts(1),
        weekdays in prop::collection::btree_map(0_usize..7, parts(0), 0..5),
        public_holidays: bool,
        days in prop::collection::btree_map(-3_i64..10, 0_u8..4, 0..6),
        second in prop::option::of((0_i64..14, prop::option::of(parts(1)))),
    ) -> (DateTime<chrono::Utc>, Calendar, Oracle) {
        let turn: Timestamp = turn.parse().unwrap();
        let near = |days: i64| turn.date_naive() + TimeDelta::days(days);
        let of_kind = |wanted: u8| days.iter().filter(move |(_, kind)| **kind == wanted).map(|(day, _)| near(*day));
        let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let weekdays: serde_json::Map<String, Value> =
            weekdays.into_iter().map(|(day, parts)| (names[day].to_owned(), json!(parts))).collect();
        let mut declared = json!({
            "hours": hours, "weekdays": weekdays, "public_holidays": public_holidays,
            "days_off": of_kind(0).collect::<Vec<_>>(), "working_days": of_kind(1).collect::<Vec<_>>(),
        });
        if let Some((from, hours)) = second {
            let saturday = near(from - 14).iter_days().find(|day| day.weekday() == Weekday::Sat).unwrap();
            declared["alternate_saturdays"] = json!({ "from": saturday, "hours": hours });
        }
        let told = |off: bool, kind| of_kind(kind).map(move |date| (date, off));
        let holidays: Vec<(NaiveDate, bool)> = told(true, 2).chain(told(false, 3)).collect();
        let year = HolidayYear {
            year: turn.year(),
            days: serde_json::from_value(holidays.iter().map(|(date, off)| json!({ "name": "节", "date": date, "isOffDay": off })).collect()).unwrap(),
        };
        let hours = self::hours(declared);
        let calendar = Calendar::new(hours.clone(), zone, Arc::new(Holidays::of(&[year])));
        (turn, calendar, Oracle { hours, zone, holidays })
    }
}

/// Minutes of the days that the oracle looks at.
const LOOKED_AT: usize = 6 * 24 * 60;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_oracle_agrees(
        (turn, calendar, oracle) in calendars(),
        start in -2 * 86_400_000_i64..2 * 86_400_000,
        length in 0_i64..4 * 86_400,
        seconds in prop_oneof![0_i64..7_200, 0_i64..200_000],
    ) {
        let from = turn + TimeDelta::milliseconds(start);
        let to = from + TimeDelta::seconds(length);
        prop_assert_eq!(calendar.working_time(from, to), oracle.working_time(from, to));
        prop_assert_eq!(calendar.working_time(to, from), TimeDelta::zero());
        prop_assert_eq!(calendar.is_working_time(from), oracle.works(begin(from)));
        if let Some(opening) = oracle.next_opening(from, LOOKED_AT) {
            prop_assert_eq!(calendar.next_opening(from), Some(opening));
        }
        let deadline = calendar.deadline(from, seconds.unsigned_abs());
        if let Some(expected) = oracle.deadline(from, seconds, LOOKED_AT) {
            prop_assert_eq!(deadline, expected);
        }
        if deadline < Timestamp::MAX_UTC {
            prop_assert_eq!(calendar.working_time(from, deadline), TimeDelta::seconds(seconds));
            let before = deadline - TimeDelta::microseconds(1);
            prop_assert!(seconds == 0 || calendar.working_time(from, before) < TimeDelta::seconds(seconds));
        }
        // Where one stretch ends the next begins.
        let middle = from + TimeDelta::seconds(length / 3);
        prop_assert_eq!(
            calendar.working_time(from, middle) + calendar.working_time(middle, to),
            calendar.working_time(from, to)
        );
    }

    #[test]
    fn the_oracle_agrees_on_days((turn, calendar, oracle) in calendars(), first in -40_i64..5, days in 0_u16..60) {
        let after = turn.date_naive() + TimeDelta::days(first);
        let until = after + TimeDelta::days(days.into());
        let works = |day: &NaiveDate| !oracle.parts(*day).is_empty();
        let following = || after.iter_days().skip(1).take(days.into());
        let expected = following().filter(works).count();
        prop_assert_eq!(calendar.working_days(after, until), u32::try_from(expected).unwrap());
        prop_assert_eq!(calendar.working_days(until, after), 0);
        for day in following() {
            prop_assert_eq!(calendar.is_working_day(day), works(&day), "{}", day);
            let local = |text: NaiveTime| oracle.zone.from_local_datetime(&day.and_time(text)).single();
            if let (Some(first), Some(opening)) = (oracle.parts(day).first(), calendar.opening(day)) {
                let minute = u32::from(first.minutes().start);
                let on_the_wall = local(NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).unwrap());
                prop_assert!(on_the_wall.is_none_or(|wall| wall == opening), "{} {}", day, opening);
            }
            if let Some(closing) = calendar.closing(day) {
                prop_assert!(oracle.works(begin(closing - TimeDelta::seconds(1))) && closing > calendar.opening(day).unwrap());
            }
        }
    }
}

/// From when, after how many working minutes, until when: with the hours of whoever declares none.
const DEADLINES: &[(&str, &str, u64, &str)] = &[
    ("within the morning", "2026-11-20 10:00", 30, "2026-11-20 10:30"),
    ("before opening", "2026-11-20 07:12", 5, "2026-11-20 09:05"),
    ("at opening", "2026-11-20 09:00", 5, "2026-11-20 09:05"),
    ("until lunch", "2026-11-20 11:55", 5, "2026-11-20 12:00"),
    ("over lunch", "2026-11-20 11:55", 10, "2026-11-20 13:35"),
    ("in the lunch hour", "2026-11-20 12:30", 5, "2026-11-20 13:35"),
    ("until closing", "2026-11-20 17:55", 5, "2026-11-20 18:00"),
    ("over the weekend", "2026-11-20 17:55", 6, "2026-11-23 09:01"),
    ("63 minutes from Friday on", "2026-11-20 17:30", 63, "2026-11-23 09:33"),
    ("after closing", "2026-11-19 18:00", 1, "2026-11-20 09:01"),
    ("on a Saturday", "2026-11-21 15:00", 40, "2026-11-23 09:40"),
    ("before a make-up Saturday", "2026-10-09 17:50", 15, "2026-10-10 09:05"),
    ("on a make-up Sunday", "2026-09-20 14:00", 60, "2026-09-20 15:00"),
    ("over the National Day week", "2026-09-30 17:59", 2, "2026-10-08 09:01"),
    ("in a holiday", "2026-10-03 10:00", 10, "2026-10-08 09:10"),
    ("over the new year of 2026", "2025-12-31 17:59", 2, "2026-01-04 09:01"),
    ("over Spring Festival", "2026-02-14 17:00", 61, "2026-02-24 09:01"),
    ("into a year that is not known", "2026-12-31 17:59", 2, "2027-01-01 09:01"),
    ("1000 minutes, the ladder's end", "2026-11-20 09:00", 1_000, "2026-11-24 10:40"),
];

#[test]
fn a_wait_runs_in_working_hours_alone() {
    let calendar = shanghai(json!({}));
    for (what, from, minutes, until) in DEADLINES {
        let (from, until) = (at(from), at(until));
        assert_eq!(calendar.deadline(from, minutes * 60), until, "{what}");
        assert_eq!(calendar.working_time(from, until).num_minutes().unsigned_abs(), *minutes, "{what}");
    }
}

#[test]
fn a_day_has_its_hours() {
    let calendar = shanghai(json!({}));
    let works = |text| calendar.is_working_time(at(text));
    for text in
        ["2026-11-20 09:00", "2026-11-20 11:59", "2026-11-20 13:30", "2026-11-20 17:59", "2026-10-10 10:00"]
    {
        assert!(works(text), "{text}");
    }
    for text in
        ["2026-11-20 08:59", "2026-11-20 12:00", "2026-11-20 13:29", "2026-11-20 18:00", "2026-11-21 10:00"]
    {
        assert!(!works(text), "{text}");
    }
    assert!(!works("2026-10-01 10:00"), "a holiday on a Thursday");
    assert_eq!(calendar.next_opening(at("2026-11-20 10:00")), Some(at("2026-11-20 10:00")));
    assert_eq!(calendar.next_opening(at("2026-11-20 12:00")), Some(at("2026-11-20 13:30")));
    assert_eq!(calendar.next_opening(at("2026-11-20 18:00")), Some(at("2026-11-23 09:00")));
    assert_eq!(calendar.opening(day("2026-11-20")), Some(at("2026-11-20 09:00")));
    assert_eq!(calendar.closing(day("2026-11-20")), Some(at("2026-11-20 18:00")));
    assert_eq!(calendar.closing(day("2026-11-21")), None);
    assert_eq!(calendar.working_days(day("2026-11-20"), day("2026-11-23")), 1);
    assert_eq!(
        calendar.working_days(day("2026-09-30"), day("2026-10-10")),
        3,
        "8, 9 and the make-up Saturday"
    );
    assert_eq!(calendar.working_days(day("2025-12-31"), day("2026-01-05")), 2, "over the new year");
}

/// What a company says of a day holds before what the state says, and that before the week.
#[test]
fn a_company_has_days_of_its_own() {
    let calendar = shanghai(json!({
        "weekdays": { "friday": ["09:00-12:00"], "sunday": ["10:00-11:00"] },
        "days_off": ["2026-11-23", "2026-10-10"],
        "working_days": ["2026-10-01", "2026-11-22"],
        "alternate_saturdays": { "from": "2026-11-07", "hours": ["10:00-16:00"] }
    }));
    let of = |text| {
        let day = day(text);
        let time = |at: Timestamp| at.with_timezone(&Tz::Asia__Shanghai).format("%H:%M").to_string();
        calendar
            .opening(day)
            .zip(calendar.closing(day))
            .map(|(from, to)| format!("{}-{}", time(from), time(to)))
    };
    let expected = [
        ("2026-10-01", Some("09:00-18:00"), "works on a holiday"),
        ("2026-10-10", None, "stays at home on a make-up day"),
        ("2026-10-31", None, "a Saturday before the first one"),
        ("2026-11-07", Some("10:00-16:00"), "the first Saturday"),
        ("2026-11-14", None, "the one between"),
        ("2026-11-15", Some("10:00-11:00"), "a Sunday"),
        ("2026-11-20", Some("09:00-12:00"), "a Friday"),
        ("2026-11-21", Some("10:00-16:00"), "the second Saturday"),
        ("2026-11-22", Some("09:00-18:00"), "a Sunday of work"),
        ("2026-11-23", None, "团建"),
        ("2026-11-24", Some("09:00-18:00"), "a Tuesday"),
    ];
    for (day, hours, what) in expected {
        assert_eq!(of(day).as_deref(), hours, "{day}: {what}");
    }
    let without = shanghai(json!({ "public_holidays": false }));
    assert!(without.is_working_day(day("2026-10-01")) && !without.is_working_day(day("2026-10-10")));
}

/// Day and night, with clocks that are put forward and back.
#[test]
fn a_day_may_have_23_or_25_hours() {
    let whole = json!({ "hours": ["00:00-24:00"], "weekdays": { "saturday": ["00:00-24:00"], "sunday": ["00:00-24:00"] } });
    let calendar = Calendar::new(hours(whole), Tz::Europe__Berlin, Arc::default());
    let lasts = |text| {
        let day = day(text);
        calendar.working_time(calendar.opening(day).unwrap(), calendar.closing(day).unwrap()).num_hours()
    };
    assert_eq!((lasts("2026-03-29"), lasts("2026-10-25"), lasts("2026-10-26")), (23, 25, 24));
    let night = json!({ "hours": ["01:30-02:30"], "weekdays": { "sunday": ["01:30-02:30"] } });
    let calendar = Calendar::new(hours(night), Tz::Europe__Berlin, Arc::default());
    let worked = |from: &str, to: &str| {
        calendar.working_time(from.parse().unwrap(), to.parse().unwrap()).num_minutes()
    };
    assert_eq!(worked("2026-03-28T20:00:00Z", "2026-03-29T10:00:00Z"), 30, "02:00 to 02:30 is left out");
    assert_eq!(worked("2026-10-24T20:00:00Z", "2026-10-25T10:00:00Z"), 90, "02:00 to 02:30 comes twice");
}

#[test]
fn absurd_times_are_no_trouble() {
    let never = json!({ "weekdays": {
        "monday": [], "tuesday": [], "wednesday": [], "thursday": [], "friday": []
    } });
    for calendar in [shanghai(json!({})), shanghai(never), Calendar::always(), Calendar::half_pace()] {
        let moments = [Timestamp::MIN_UTC, Timestamp::UNIX_EPOCH, at("2026-11-20 10:00"), Timestamp::MAX_UTC];
        for from in moments {
            for to in moments {
                let worked = calendar.working_time(from, to);
                assert!(worked >= TimeDelta::zero() && worked <= (to - from).max(TimeDelta::zero()));
            }
            for seconds in [0, 1, 86_400 * 365 * 300, u64::MAX] {
                assert!(calendar.deadline(from, seconds) >= from);
            }
            calendar.next_opening(from);
            calendar.is_working_time(from);
        }
        for day in [NaiveDate::MIN, NaiveDate::MAX] {
            calendar.is_working_day(day);
            calendar.closing(day);
        }
        calendar.working_days(NaiveDate::MIN, NaiveDate::MAX);
    }
    let calendar = shanghai(json!({}));
    assert_eq!(calendar.deadline(Timestamp::MAX_UTC, 60), Timestamp::MAX_UTC);
    assert_eq!(calendar.deadline(Timestamp::MIN_UTC, 60), at("1970-01-01 09:01"));
}

fn company(changes: &[(&str, Value)]) -> Rules {
    let ladder = json!({ "rungs": [{ "after": "5m", "colour": "red", "audience": ["owner"] }] });
    let mut rules = json!({
        "time_zone": "Asia/Shanghai", "company_names": ["示例公司"], "roster": [],
        "phrases": { "version": 1 }, "ladders": { "pre_sales": ladder, "after_sales": ladder }
    });
    for (key, value) in changes {
        rules[*key] = value.clone();
    }
    serde_json::from_value(rules).unwrap()
}

/// Whoever names no calendar has one, in the rules' zone, with the rules' holidays, and stored rules say which.
#[test]
fn rules_without_a_calendar_have_the_usual_one() {
    let rules = company(&[("holidays", json!(shipped()))]);
    assert_eq!(rules.validate(), []);
    let calendar = rules.calendar(Stage::AfterSales);
    assert_eq!(calendar.deadline(at("2026-09-30 17:59"), 120), at("2026-10-08 09:01"));
    let stored = json!(rules);
    assert_eq!(stored["calendars"]["pre_sales"]["hours"], json!(["09:00-12:00", "13:30-18:00"]));
    let read: Rules = serde_json::from_value(stored).unwrap();
    assert_eq!(read, rules);
    assert_eq!(read.calendar(Stage::AfterSales), calendar);
    let elsewhere = company(&[("time_zone", json!("Europe/Berlin"))]);
    assert_ne!(elsewhere.calendar(Stage::PreSales), company(&[]).calendar(Stage::PreSales), "another zone");
    assert_ne!(rules.calendar(Stage::PreSales), company(&[]).calendar(Stage::PreSales), "other holidays");
    let always = company(&[("calendars", json!({ "pre_sales": "always" }))]);
    assert_eq!(*always.calendar(Stage::PreSales), Calendar::always());
    assert!(always.is_working_day(day("2026-11-21")) && !company(&[]).is_working_day(day("2026-11-21")));
    assert_eq!(rules.working_days(Stage::PreSales, at("2026-11-20 23:59"), at("2026-11-23 00:00")), 1);
}

#[test]
fn the_years_that_are_missing_are_known() {
    let next = |days: Value| json!({ "year": 2027, "days": days });
    let of = |years: Vec<Value>, today| company(&[("holidays", json!(years))]).missing_holidays(day(today));
    let known = || shipped().into_iter().map(|year| json!(year)).collect::<Vec<_>>();
    assert_eq!(of(known(), "2026-11-30"), Vec::<i32>::new());
    assert_eq!(of(known(), "2026-12-01"), [2027]);
    let with = |year: Value| known().into_iter().chain([year]).collect::<Vec<_>>();
    assert_eq!(of(with(next(json!([]))), "2026-12-01"), [2027], "it is there and empty");
    let holiday = json!({ "name": "元旦", "date": "2027-01-01", "isOffDay": true });
    assert_eq!(of(with(next(json!([holiday]))), "2026-12-01"), Vec::<i32>::new());
    assert_eq!(of(known(), "2027-03-01"), [2027], "and on");
    assert_eq!(of(vec![], "2026-12-05"), [2026, 2027]);
    let always = json!({ "pre_sales": "always", "after_sales": { "public_holidays": false } });
    assert_eq!(company(&[("calendars", always)]).missing_holidays(day("2026-12-05")), Vec::<i32>::new());
}

/// What a year does not say, the file of the next one may.
#[test]
fn december_may_stand_in_the_next_year() {
    let of = |year: i32, date: &str, off: bool| json!({ "year": year, "days": [{ "name": "元旦", "date": date, "isOffDay": off }] });
    let rules = company(&[("holidays", json!([of(2027, "2026-12-31", true), of(2026, "2026-01-01", true)]))]);
    assert_eq!(rules.validate(), []);
    assert!(!rules.is_working_day(day("2026-12-31")) && rules.is_working_day(day("2026-12-30")));
}

#[test]
fn every_problem_of_a_calendar_is_told_at_once() {
    let holidays = json!([
        { "year": 2026, "days": [
            { "name": "元旦", "date": "2026-01-01", "isOffDay": true },
            { "name": "元旦", "date": "2026-01-01", "isOffDay": true },
            { "name": "元旦", "date": "2025-11-30", "isOffDay": true },
            { "name": "元旦", "date": "2026-12-31", "isOffDay": true }
        ] },
        { "year": 2027, "days": [{ "name": "元旦", "date": "2026-12-31", "isOffDay": false }] },
        { "year": 2027, "days": [] }
    ]);
    let calendars = json!({
        "pre_sales": {
            "hours": ["09:00-12:00", "11:00-13:00", "18:00-14:00", "20:00-20:00"],
            "weekdays": { "saturday": ["13:00-14:00", "09:00-10:00"] },
            "days_off": ["2026-11-23", "2026-11-24", "2026-11-23"],
            "working_days": ["2026-11-24"],
            "alternate_saturdays": { "from": "2026-11-08", "hours": [] }
        },
        "after_sales": {
            "hours": [],
            "weekdays": { "monday": [], "tuesday": [], "wednesday": [], "thursday": [], "friday": [] }
        }
    });
    let rules = company(&[("holidays", holidays), ("calendars", calendars)]);
    let told: Vec<String> = rules.validate().iter().map(ToString::to_string).collect();
    let expected = [
        "calendars.pre_sales.hours[1]: 11:00-13:00 after 09:00-12:00",
        "calendars.pre_sales.hours[2]: 18:00-14:00",
        "calendars.pre_sales.hours[3]: 20:00-20:00",
        "calendars.pre_sales.weekdays.saturday[1]: 09:00-10:00 after 13:00-14:00",
        "calendars.pre_sales.days_off[2]: 2026-11-23, which is calendars.pre_sales.days_off[0] too",
        "calendars.pre_sales.working_days[0]: 2026-11-24, which is calendars.pre_sales.days_off[1] too",
        "calendars.pre_sales.alternate_saturdays.from: 2026-11-08",
        "calendars.pre_sales.alternate_saturdays.hours: an empty list",
        "calendars.after_sales.hours: an empty list",
        "calendars.after_sales.weekdays: a week without hours",
        "holidays[0].days[1].date: 2026-01-01 once more",
        "holidays[0].days[2].date: 2025-11-30",
        "holidays[1].days[0].isOffDay: 2026-12-31 otherwise than holidays[0].days[3]",
        "holidays[2].year: 2027, which is holidays[1] too",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
}

#[test]
fn a_part_of_a_day_is_read_to_the_minute() {
    for text in ["09:00-12:00", "00:00-24:00", "23:59-24:00"] {
        assert_eq!(text.parse::<Interval>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "9:00-12:00",
        "09:00",
        "09:00-24:01",
        "09:60-10:00",
        "09:00-12:00:00",
        "09:00–12:00",
        "+9:00-12:00",
        "-",
    ] {
        assert!(text.parse::<Interval>().is_err(), "{text}");
    }
}
