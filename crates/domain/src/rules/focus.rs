//! When people are not to be disturbed: private cards wait until then, but for those of rungs that break through.

use chrono::Datelike as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::calendar::TimeOfDay;
use crate::id::StaffName;
use crate::ladder::RungId;
use crate::rules::{Ladder, Rules};

/// A stretch of some days of every week, in the zone of the rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FocusWindow {
    /// Whose, by the name in the roster.
    pub person: StaffName,
    /// On which days.
    pub days: Vec<Weekday>,
    /// From then on, `"14:00"`.
    #[schemars(with = "String")]
    pub from: TimeOfDay,
    /// Until then, on the same day.
    #[schemars(with = "String")]
    pub to: TimeOfDay,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "they are their own explanation")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl From<chrono::Weekday> for Weekday {
    fn from(day: chrono::Weekday) -> Self {
        match day {
            chrono::Weekday::Mon => Self::Monday,
            chrono::Weekday::Tue => Self::Tuesday,
            chrono::Weekday::Wed => Self::Wednesday,
            chrono::Weekday::Thu => Self::Thursday,
            chrono::Weekday::Fri => Self::Friday,
            chrono::Weekday::Sat => Self::Saturday,
            chrono::Weekday::Sun => Self::Sunday,
        }
    }
}

impl Rules {
    /// Until when the windows of somebody leave them undisturbed at a moment; `None`: they do not.
    pub fn focus_until(&self, person: &StaffName, now: Timestamp) -> Option<Timestamp> {
        let day = now.with_timezone(&self.time_zone).date_naive();
        let on_day =
            |window: &&FocusWindow| window.person == *person && window.days.contains(&day.weekday().into());
        let until = |window: &FocusWindow| {
            let (from, to) = (window.from.on(day, self.time_zone)?, window.to.on(day, self.time_zone)?);
            (from <= now && now < to).then_some(to)
        };
        self.focus.iter().filter(on_day).filter_map(until).max()
    }
}

impl Ladder {
    /// Whether the card of a rung or repeat reaches people in their focus too.
    pub fn breaks_through(&self, rung: RungId) -> bool {
        match self.rungs.iter().find(|step| step.after.as_seconds() == rung.0) {
            Some(step) => step.breakthrough,
            None => self.repeat.as_ref().is_some_and(|repeat| repeat.breakthrough),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rules;

    #[test]
    fn a_window_is_of_its_person_and_days_and_ends_when_it_says() {
        let mut rules = rules();
        let person = StaffName("王小售".into());
        let window = |from: &str, to: &str| FocusWindow {
            person: person.clone(),
            days: vec![Weekday::Monday, Weekday::Friday],
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        };
        rules.focus = vec![window("14:00", "15:00"), window("14:30", "16:00")];
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (now, until) in [
            ("2026-11-23T13:59:59+08:00", None),
            ("2026-11-23T14:00:00+08:00", Some("2026-11-23T15:00:00+08:00")),
            ("2026-11-23T14:30:00+08:00", Some("2026-11-23T16:00:00+08:00")),
            ("2026-11-23T16:00:00+08:00", None),
            ("2026-11-24T14:30:00+08:00", None),
            ("2026-11-27T15:59:59+08:00", Some("2026-11-27T16:00:00+08:00")),
        ] {
            assert_eq!(rules.focus_until(&person, at(now)), until.map(at), "{now}");
        }
        assert_eq!(rules.focus_until(&StaffName("李小后".into()), at("2026-11-23T14:00:00+08:00")), None);
    }

    #[test]
    fn a_rung_breaks_through_by_itself_and_a_repeat_by_its_own() {
        let mut ladder = rules().ladders.pre_sales;
        ladder.rungs[3].breakthrough = true;
        let through = |ladder: &Ladder| [300, 1_800, 2_400].map(|rung| ladder.breaks_through(RungId(rung)));
        assert_eq!(through(&ladder), [false, true, false]);
        ladder.repeat.as_mut().unwrap().breakthrough = true;
        assert_eq!(through(&ladder), [false, true, true]);
    }
}
