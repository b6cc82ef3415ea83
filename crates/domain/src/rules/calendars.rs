//! What makes a calendar unfit to be put in force.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chrono::{Datelike as _, NaiveDate, Weekday};

use super::Rules;
use super::validate::Problems;
use crate::calendar::{Hours, Interval};

/// The days of a week.
const WEEK: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

/// Everything that is wrong with calendars and public holidays.
pub(super) fn check(rules: &Rules, problems: &mut Problems) {
    for (stage, calendar) in
        [("pre_sales", &rules.calendars.pre_sales), ("after_sales", &rules.calendars.after_sales)]
    {
        if let Some(hours) = calendar.hours() {
            check_hours(&format!("calendars.{stage}"), hours, problems);
        }
    }
    check_holidays(rules, problems);
}

fn check_hours(path: &str, hours: &Hours, problems: &mut Problems) {
    check_parts(&format!("{path}.hours"), &hours.hours, problems);
    if hours.hours.is_empty() {
        problems.add(
            format!("{path}.hours"),
            "an empty list",
            "the hours of a working day, like \"09:00-12:00\"",
        );
    }
    for (day, parts) in hours.weekdays.all() {
        check_parts(&format!("{path}.weekdays.{day}"), parts, problems);
    }
    if hours.alternate_saturdays.is_none() && WEEK.into_iter().all(|day| hours.of(day).is_empty()) {
        problems.add(
            format!("{path}.weekdays"),
            "a week without hours",
            "a day of the week on which people work",
        );
    }
    check_days(path, hours, problems);
    let Some(second) = &hours.alternate_saturdays else { return };
    let path = format!("{path}.alternate_saturdays");
    if second.from.weekday() != Weekday::Sat {
        problems.add(format!("{path}.from"), second.from, "a Saturday on which people work");
    }
    if let Some(parts) = &second.hours {
        check_parts(&format!("{path}.hours"), parts, problems);
        if parts.is_empty() {
            problems.add(
                format!("{path}.hours"),
                "an empty list",
                "hours, or nothing for those of other days",
            );
        }
    }
}

/// Each part of a day lies within it, after the one before.
fn check_parts(path: &str, parts: &[Interval], problems: &mut Problems) {
    let mut before: Option<Interval> = None;
    for (index, part) in parts.iter().enumerate() {
        let (path, minutes) = (format!("{path}[{index}]"), part.minutes());
        if minutes.is_empty() {
            let expected = "an end after the start; what goes on after 24:00 belongs to the next day";
            problems.add(path, part, expected);
            continue;
        }
        if let Some(before) = before.filter(|before| minutes.start < before.minutes().end) {
            problems.add(path, format!("{part} after {before}"), "parts in rising order that do not overlap");
        }
        before = before.into_iter().chain([*part]).max_by_key(|part| part.minutes().end);
    }
}

/// Days of the company, each once.
fn check_days(path: &str, hours: &Hours, problems: &mut Problems) {
    let mut seen: HashMap<NaiveDate, String> = HashMap::new();
    for (list, days) in [("days_off", &hours.days_off), ("working_days", &hours.working_days)] {
        for (index, day) in days.iter().enumerate() {
            let path = format!("{path}.{list}[{index}]");
            match seen.entry(*day) {
                Entry::Occupied(first) => {
                    problems.add(path, format!("{day}, which is {} too", first.get()), "each day once");
                }
                Entry::Vacant(first) => drop(first.insert(path)),
            }
        }
    }
}

fn check_holidays(rules: &Rules, problems: &mut Problems) {
    let mut years: HashMap<i32, usize> = HashMap::new();
    let mut days: HashMap<NaiveDate, (String, bool)> = HashMap::new();
    for (index, year) in rules.holidays.iter().enumerate() {
        let path = format!("holidays[{index}]");
        if let Some(first) = years.insert(year.year, index) {
            problems.add(
                format!("{path}.year"),
                format!("{}, which is holidays[{first}] too", year.year),
                "each year once",
            );
        }
        for fault in year.faults() {
            problems.add(format!("{path}.days[{}].date", fault.place), fault.found, fault.expected);
        }
        for (place, day) in year.days.iter().enumerate() {
            let path = format!("{path}.days[{place}]");
            let (first, off) = days.entry(day.date).or_insert_with(|| (path.clone(), day.is_off_day));
            if *off != day.is_off_day && !first.starts_with(&format!("holidays[{index}].")) {
                let found = format!("{} otherwise than {first}", day.date);
                problems.add(format!("{path}.isOffDay"), found, "the same of one day in two years");
            }
        }
    }
}
