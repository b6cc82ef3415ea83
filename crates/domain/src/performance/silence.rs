//! On which days a room reached one of the numbers of working days of silence after which its owner is to follow up.
//!
//! Days to come are given too, as they will be if nobody says anything and the rules stay: whoever stores them needs no
//! clock, and reads those of days that are over.

use chrono::{NaiveDate, NaiveTime, TimeDelta};

use super::Circumstances;
use crate::Timestamp;
use crate::assignment::Ownership;
use crate::fold::MOST_REMEMBERED;
use crate::gap::CoverageGaps;
use crate::id::StaffName;
use crate::marks::FollowUpStop;
use crate::rules::{Stage, Team};

/// No silence is looked at for longer, however few of its days are worked.
pub const LONGEST_SILENCE: TimeDelta = TimeDelta::days(731);

/// A silence, on the day on which it had lasted for so many working days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// The last day on which anybody said anything.
    pub since: NaiveDate,
    /// How many working days of the room's stage had passed without a word.
    pub working_days: u32,
    /// The day on which that was so.
    pub day: NaiveDate,
    /// Who owned the room at the end of that day.
    pub owner: Option<StaffName>,
    /// The owner's team on that day.
    pub team: Option<Team>,
    /// The room's stage at the end of that day.
    pub stage: Stage,
}

/// From when to when somebody waited; `None`: they still do.
pub type Waiting = (Timestamp, Option<Timestamp>);

/// What of a room's past decides when it was silent.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// The days on which anybody said anything, rising. The silence after the last one lasts.
    pub spoken: &'a [NaiveDate],
    /// Who owned it when, in order.
    pub ownerships: &'a [Ownership],
    /// When somebody waited.
    pub waiting: &'a [Waiting],
    /// When none of our accounts was in it. Capture gaps make no difference: they are short, and a silence is not.
    pub absences: &'a CoverageGaps,
    /// When nobody was to follow up.
    pub stops: &'a [FollowUpStop],
}

/// The silences of a room. A day on which somebody waited, nobody observed the room, the rules excluded it or the system was
/// not live passes, and is not named, nor is one at whose end nobody was to follow up.
pub fn silences(past: &Past<'_>, of: &Circumstances<'_>) -> Vec<Silence> {
    let until = past.spoken.iter().skip(1).copied().map(Some).chain([None]);
    let of_each =
        past.spoken.iter().zip(until).map(|(since, until)| reached(*since, until, past.ownerships, of));
    let counts = |(begins, ends): (Timestamp, Timestamp)| {
        let is_waited = past.waiting.iter().any(|(from, to)| *from < ends && to.is_none_or(|to| to > begins));
        let is_excluded = of.rules.at(begins).excluded_rooms.cover(of.room, of.topic);
        let is_stopped = past.stops.iter().any(|stop| stop.covers(ends));
        !is_waited
            && !is_excluded
            && !is_stopped
            && !past.absences.overlaps(begins, ends)
            && of.golive.at(begins).live
    };
    of_each.flatten().filter(|(_, day)| counts(*day)).map(|(silence, _)| silence).collect()
}

/// The days on which a silence reaches a number of working days, each with when it begins and ends. Each day is judged by
/// the rules that it begins with.
fn reached(
    since: NaiveDate,
    until: Option<NaiveDate>,
    ownerships: &[Ownership],
    of: &Circumstances<'_>,
) -> Vec<(Silence, (Timestamp, Timestamp))> {
    let mut reached = Vec::new();
    let mut working_days = 0;
    let otherwise = match ownerships.first() {
        // Of a room that was folded last before its owners were remembered the present one is known.
        None => (of.owner, of.stage),
        // Whoever came before was forgotten.
        Some(first) if ownerships.len() >= MOST_REMEMBERED => (first.owner.as_ref(), first.stage),
        Some(_) => (None, Stage::default()),
    };
    let most = of.rules.most_silent_days();
    let days = since.iter_days().skip(1).take_while(|day| until.is_none_or(|until| *day < until));
    for day in days.take_while(|day| *day - since <= LONGEST_SILENCE) {
        let begins = of.rules.at(noon(day)).day_begins(day);
        let rules = of.rules.at(begins);
        let ends = day.succ_opt().map_or(Timestamp::MAX_UTC, |next| rules.day_begins(next));
        let (owner, stage) = owner_before(ends, ownerships).unwrap_or(otherwise);
        if rules.calendar(stage).is_working_day(day) {
            working_days += 1;
            if rules.follow_up_after.contains(&working_days) {
                let team = owner.and_then(|name| rules.staff(name)).map(|entry| entry.team);
                let silence = Silence { since, working_days, day, owner: owner.cloned(), team, stage };
                reached.push((silence, (begins, ends)));
            }
        }
        if working_days >= most {
            break;
        }
    }
    reached
}

fn owner_before(moment: Timestamp, ownerships: &[Ownership]) -> Option<(Option<&StaffName>, Stage)> {
    let last = ownerships.iter().take_while(|held| held.since < moment).last()?;
    Some((last.owner.as_ref(), last.stage))
}

/// Some moment of a day, in whatever zone.
fn noon(day: NaiveDate) -> Timestamp {
    day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golive::{Change, GoLive};
    use crate::id::RoomKey;
    use crate::rules::{Rules, RulesHistory, RulesVersion};
    use crate::testing;

    /// Friday.
    const SPOKEN: &str = "2026-11-06";

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Weekdays in Shanghai, told after two and five working days.
    fn rules() -> Rules {
        let hours = serde_json::json!({ "public_holidays": false });
        let calendar: crate::calendar::Calendar = serde_json::from_value(hours).unwrap();
        let mut rules = Rules { follow_up_after: vec![2, 5], ..testing::rules() };
        rules.calendars.pre_sales = calendar.clone();
        rules.calendars.after_sales = calendar;
        rules.settle_calendars();
        rules
    }

    fn owned(since: &str, owner: &str, stage: Stage) -> Ownership {
        Ownership { since: at(since), owner: Some(StaffName(owner.into())), stage }
    }

    fn version(number: i64, from: &str, rules: Rules) -> RulesVersion {
        RulesVersion { version: number, valid_from: at(from), applied_at: at(from), rules }
    }

    struct Room {
        spoken: Vec<NaiveDate>,
        ownerships: Vec<Ownership>,
        waiting: Vec<Waiting>,
        absences: CoverageGaps,
        stops: Vec<FollowUpStop>,
        versions: Vec<RulesVersion>,
        golive: GoLive,
        topic: &'static str,
    }

    impl Room {
        fn new() -> Self {
            let live = Change {
                since: at("2026-10-01T00:00:00Z"),
                live: true,
                noted_at: at("2026-10-01T00:00:00Z"),
            };
            Self {
                spoken: vec![day(SPOKEN)],
                ownerships: vec![owned("2026-11-06T01:00:00Z", "张一", Stage::PreSales)],
                waiting: Vec::new(),
                absences: CoverageGaps::default(),
                stops: Vec::new(),
                versions: vec![version(1, "2026-10-01T00:00:00Z", rules())],
                golive: GoLive::new(vec![live]),
                topic: "晨光",
            }
        }

        fn silences(&self) -> Vec<Silence> {
            let room = RoomKey { source: "wechaty".into(), id: "r".into() };
            let history = RulesHistory::new(self.versions.clone()).unwrap();
            let past = Past {
                spoken: &self.spoken,
                ownerships: &self.ownerships,
                waiting: &self.waiting,
                absences: &self.absences,
                stops: &self.stops,
            };
            let of = Circumstances {
                room: &room,
                topic: self.topic,
                owner: None,
                stage: Stage::PreSales,
                rules: &history,
                golive: &self.golive,
                gaps: &CoverageGaps::default(),
                now: at("2026-11-30T00:00:00Z"),
            };
            silences(&past, &of)
        }

        fn days(&self) -> Vec<(String, u32)> {
            self.silences().into_iter().map(|it| (it.day.to_string(), it.working_days)).collect()
        }
    }

    fn days(days: &[(&str, u32)]) -> Vec<(String, u32)> {
        days.iter().map(|(day, after)| ((*day).to_owned(), *after)).collect()
    }

    #[test]
    fn working_days_are_counted_until_somebody_says_something() {
        let mut room = Room::new();
        assert_eq!(room.days(), days(&[("2026-11-10", 2), ("2026-11-13", 5)]));
        room.spoken.push(day("2026-11-13"));
        assert_eq!(
            room.days(),
            days(&[("2026-11-10", 2), ("2026-11-17", 2), ("2026-11-20", 5)]),
            "on the fifth day somebody spoke"
        );
        assert_eq!(Room { spoken: Vec::new(), ..Room::new() }.days(), []);
    }

    #[test]
    fn a_day_that_does_not_count_passes() {
        let mut room = Room::new();
        room.waiting = vec![(at("2026-11-06T03:00:00Z"), Some(at("2026-11-09T16:00:00Z")))];
        assert_eq!(room.days().len(), 2, "it ended as the day began in Shanghai");
        room.waiting = vec![(at("2026-11-06T03:00:00Z"), Some(at("2026-11-09T16:00:01Z")))];
        assert_eq!(room.days(), days(&[("2026-11-13", 5)]));
        room.waiting = vec![(at("2026-11-06T03:00:00Z"), None)];
        assert_eq!(room.days(), []);
        let rehearsal =
            Change { since: at("2026-11-11T00:00:00Z"), live: true, noted_at: at("2026-11-11T00:00:00Z") };
        let late = Room { golive: GoLive::new(vec![rehearsal]), ..Room::new() };
        assert_eq!(late.days(), days(&[("2026-11-13", 5)]));
    }

    #[test]
    fn a_room_that_nobody_is_to_follow_up_is_not_named() {
        let mut room = Room::new();
        let stop = |from: &str, until: Option<&str>| FollowUpStop { from: at(from), until: until.map(at) };
        for (stops, expected) in [
            (stop("2026-11-10T15:59:59Z", None), days(&[])),
            (stop("2026-11-10T16:00:00Z", None), days(&[("2026-11-10", 2)])),
            (stop("2026-11-09T00:00:00Z", Some("2026-11-10T15:59:59Z")), room.days()),
            (stop("2026-11-09T00:00:00Z", Some("2026-11-10T16:00:00Z")), days(&[("2026-11-13", 5)])),
        ] {
            room.stops = vec![stops];
            assert_eq!(room.days(), expected, "{stops:?}");
            room.stops.clear();
        }
    }

    #[test]
    fn a_silence_is_that_of_whoever_owned_the_room_at_the_end_of_the_day() {
        let mut room = Room::new();
        room.ownerships.push(owned("2026-11-13T09:00:00Z", "李二", Stage::AfterSales));
        let of = |silence: &Silence| (silence.owner.clone().map(|name| name.0), silence.stage);
        let owners: Vec<_> = room.silences().iter().map(of).collect();
        let (first, second) = (Some("张一".to_owned()), Some("李二".to_owned()));
        assert_eq!(owners, [(first, Stage::PreSales), (second.clone(), Stage::AfterSales)]);
        room.ownerships.remove(0);
        let owners: Vec<_> = room.silences().iter().map(of).collect();
        assert_eq!(owners, [(None, Stage::PreSales), (second, Stage::AfterSales)], "nobody's before");
    }

    #[test]
    fn each_day_is_judged_by_its_own_rules() {
        let mut room = Room::new();
        let mut later = rules();
        later.follow_up_after = vec![3];
        later.excluded_rooms = serde_json::from_value(serde_json::json!({ "names": ["*结项*"] })).unwrap();
        // From Wednesday on, in Shanghai.
        room.versions.push(version(2, "2026-11-10T16:00:00Z", later));
        assert_eq!(room.days(), days(&[("2026-11-10", 2), ("2026-11-11", 3)]));
        room.topic = "晨光已结项";
        assert_eq!(room.days(), days(&[("2026-11-10", 2)]));
    }

    #[test]
    fn a_longer_number_of_days_between_two_shorter_ones_is_reached() {
        let mut room = Room::new();
        let longer = Rules { follow_up_after: vec![2, 5, 7], ..rules() };
        // On Friday they had been silent for five.
        room.versions.push(version(2, "2026-11-15T00:00:00Z", longer));
        room.versions.push(version(3, "2026-11-18T00:00:00Z", rules()));
        assert_eq!(room.days(), days(&[("2026-11-10", 2), ("2026-11-13", 5), ("2026-11-17", 7)]));
    }

    #[test]
    fn whoever_was_forgotten_is_taken_for_the_first_who_is_remembered() {
        let mut room = Room::new();
        let since = |n: usize| format!("2026-11-12T{:02}:{:02}:00Z", n / 60, n % 60);
        room.ownerships =
            (0..MOST_REMEMBERED).map(|n| owned(&since(n), &format!("同事{n}"), Stage::PreSales)).collect();
        let owners: Vec<_> = room.silences().into_iter().map(|it| it.owner.map(|name| name.0)).collect();
        assert_eq!(owners, [Some("同事0".to_owned()), Some("同事31".to_owned())]);
    }

    #[test]
    fn a_calendar_without_working_days_comes_to_an_end() {
        let mut never = rules();
        let weekdays: serde_json::Map<String, serde_json::Value> =
            ["monday", "tuesday", "wednesday", "thursday", "friday"]
                .map(|day| (day.to_owned(), serde_json::json!([])))
                .into_iter()
                .collect();
        never.calendars.pre_sales =
            serde_json::from_value(serde_json::json!({ "weekdays": weekdays, "public_holidays": false }))
                .unwrap();
        never.settle_calendars();
        let room = Room { versions: vec![version(1, "2026-10-01T00:00:00Z", never)], ..Room::new() };
        assert_eq!(room.days(), []);
        let end = Room { spoken: vec![NaiveDate::MAX], ..Room::new() };
        assert_eq!(end.days(), []);
    }
}
