//! When work begins: until when a card waits that comes outside of working hours, and who stands on the list of an opening
//! (开工汇总), which goes out in the place of a night's cards.

use chrono::{NaiveDate, TimeDelta};

use crate::Timestamp;
use crate::calendar::Calendar;
use crate::rules::{Rules, Stage, Team};

/// An opening that was missed by more has no list any more: whoever stood on it has got cards of their own by then.
pub const TOLD_WITHIN: TimeDelta = TimeDelta::hours(2);

/// Until when a card has to wait whose readers work by this calendar. `None`: they are at work, or never will be.
pub fn closed_until(calendar: &Calendar, now: Timestamp) -> Option<Timestamp> {
    calendar.next_opening(now).filter(|opening| *opening > now)
}

/// Until when a card has to wait that stands in somebody's own chat, by the calendar of their team's stage; of somebody who works
/// in none, while neither stage works.
pub fn closed_for(team: Team, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
    let closed = |stage| closed_until(rules.calendar(stage), now);
    match team.stage() {
        Some(stage) => closed(stage),
        None => closed(Stage::PreSales).zip(closed(Stage::AfterSales)).map(|(one, other)| one.min(other)),
    }
}

/// The opening of a day, once it has come and as long as it has a list.
pub fn told_of(calendar: &Calendar, day: NaiveDate, now: Timestamp) -> Option<Timestamp> {
    calendar.opening(day).filter(|opening| *opening <= now && is_told_of(*opening, now))
}

/// Whether an opening that has come has a list still.
pub fn is_told_of(opening: Timestamp, now: Timestamp) -> bool {
    now - opening < TOLD_WITHIN
}

/// Whether nobody has worked between a moment and an opening.
pub fn is_of_the_night(calendar: &Calendar, at: Timestamp, opening: Timestamp) -> bool {
    at < opening && calendar.working_time(at, opening).is_zero()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono_tz::Asia::Shanghai;

    use super::*;
    use crate::calendar::{Hours, TimeOfDay};

    /// A moment in Shanghai: the day of November 2026, and the time.
    fn at(day: u32, time: &str) -> Timestamp {
        let day = NaiveDate::from_ymd_opt(2026, 11, day).unwrap();
        time.parse::<TimeOfDay>().unwrap().on(day, Shanghai).unwrap()
    }

    /// From Monday, the 23rd, to Friday, the 27th, 09:00–12:00 and 13:30–18:00.
    fn calendar() -> Calendar {
        Calendar::new(Hours { public_holidays: false, ..Hours::default() }, Shanghai, Arc::default())
    }

    #[test]
    fn a_card_waits_from_the_closing_to_the_opening() {
        let calendar = calendar();
        for (now, expected) in [
            (at(23, "09:00"), None),
            (at(23, "11:59"), None),
            (at(23, "12:00"), Some(at(23, "13:30"))),
            (at(23, "13:30"), None),
            (at(23, "17:59"), None),
            (at(23, "18:00"), Some(at(24, "09:00"))),
            (at(24, "08:59"), Some(at(24, "09:00"))),
            (at(27, "18:00"), Some(at(30, "09:00"))),
            (at(29, "10:00"), Some(at(30, "09:00"))),
        ] {
            assert_eq!(closed_until(&calendar, now), expected, "{now}");
        }
        assert_eq!(closed_until(&Calendar::always(), at(29, "03:00")), None);
    }

    #[test]
    fn an_opening_is_told_of_for_two_hours_of_its_day() {
        let calendar = calendar();
        let monday = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
        let told = |now| told_of(&calendar, monday, now);
        assert_eq!(told(at(23, "08:59")), None);
        assert_eq!(told(at(23, "09:00")), Some(at(23, "09:00")));
        assert_eq!(told(at(23, "10:59")), Some(at(23, "09:00")));
        assert_eq!(told(at(23, "11:00")), None);
        assert_eq!(told(at(23, "13:30")), None, "the end of lunch is no opening");
        let sunday = monday.pred_opt().unwrap();
        assert_eq!(told_of(&calendar, sunday, at(22, "09:00")), None);
        assert_eq!(told_of(&Calendar::always(), monday, at(23, "09:00")), None);
    }

    #[test]
    fn what_comes_after_the_last_closing_is_of_the_night() {
        let calendar = calendar();
        let of_the_night = |then| is_of_the_night(&calendar, then, at(30, "09:00"));
        for (then, expected) in [
            (at(27, "17:59"), false),
            (at(27, "18:00"), true),
            (at(29, "10:00"), true),
            (at(30, "08:59"), true),
            (at(30, "09:00"), false),
            (at(30, "09:01"), false),
            (at(27, "12:30"), false),
        ] {
            assert_eq!(of_the_night(then), expected, "{then}");
        }
    }
}
