//! What a page is asked for: all of it stands in the address, as ids, names of staff and days.

use std::convert::Infallible;
use std::fmt::Write as _;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use chrono::{Datelike as _, Days, Months, NaiveDate};
use domain::ladder::RungId;
use domain::rules::Stage;
use serde::Deserialize;

use report::Period;

/// How a wait went, as stored.
pub const ENDINGS: [&str; 7] =
    ["open", "answered", "cancelled", "confirmed", "withdrawn", "unobserved", "became_request"];
/// Whether a wait counts, as stored.
pub const STANDINGS: [&str; 5] = ["counted", "unverified", "excluded", "history", "rehearsal"];
/// What is waited for, as stored.
pub const KINDS: [&str; 3] = ["request", "soft", "promise"];
/// The years of which there can be anything.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2199;
/// Pages of a list that can be turned to.
const MOST_PAGES: u32 = 1_000;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// A day.
    Day,
    /// A week from Monday on.
    Week,
    /// A calendar month.
    Month,
}

impl Length {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// What people are sorted by, for those who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// By name.
    #[default]
    Name,
    /// Most asked first.
    Asked,
    /// Slowest first.
    Median,
    /// Most open first.
    Open,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Name, Self::Asked, Self::Median, Self::Open];

    const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Asked => "asked",
            Self::Median => "median",
            Self::Open => "open",
        }
    }
}

/// As an address has it; what makes no sense there is as if it were not there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw {
    period: String,
    day: String,
    person: Option<String>,
    replier: Option<String>,
    room: Option<String>,
    stage: String,
    state: String,
    standing: String,
    kind: String,
    over: String,
    within: String,
    weekday: String,
    hour: String,
    sort: String,
    page: String,
    by: String,
}

/// What a page is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// How long the period is; `None`: nobody chose.
    pub length: Option<Length>,
    /// A day of the period; `None`: today.
    pub day: Option<NaiveDate>,
    /// Whose; the empty one: nobody's.
    pub person: Option<String>,
    /// Ended by whom.
    pub replier: Option<String>,
    /// Of which room, by its key in text form.
    pub room: Option<String>,
    /// In which stage.
    pub stage: Option<Stage>,
    /// How they went; one of [`ENDINGS`].
    pub state: Option<&'static str>,
    /// Whether they count; one of [`STANDINGS`]; `None`: those that do.
    pub standing: Option<&'static str>,
    /// What was waited for; one of [`KINDS`]; `None`: an answer to a request.
    pub kind: Option<&'static str>,
    /// Longer than so many seconds.
    pub over: Option<u32>,
    /// At most so many seconds.
    pub within: Option<u32>,
    /// 1 for Monday to 7.
    pub weekday: Option<u8>,
    /// 0 to 23.
    pub hour: Option<u8>,
    /// In which order.
    pub sort: Option<Sort>,
    /// Which page of a list, from 0.
    pub page: u32,
    /// What a file is put together by.
    pub by: Option<&'static str>,
}

/// What files are put together by.
pub const FILES_BY: [&str; 9] =
    ["person", "team", "room", "stage", "day", "person-day", "replier", "waits", "silences"];

fn one_of(text: &str, all: &[&'static str]) -> Option<&'static str> {
    all.iter().find(|known| **known == text).copied()
}

impl From<Raw> for Asked {
    fn from(raw: Raw) -> Self {
        let in_range = |text: &str, most: u8| text.parse().ok().filter(|number| *number <= most);
        let day = raw.day.parse::<NaiveDate>().ok();
        Self {
            length: Length::ALL.into_iter().find(|length| length.name() == raw.period),
            day: day.filter(|day| YEARS.contains(&day.year())),
            person: raw.person,
            replier: raw.replier.filter(|name| !name.is_empty()),
            room: raw.room.filter(|room| !room.is_empty()),
            stage: raw.stage.parse().ok(),
            state: one_of(&raw.state, &ENDINGS),
            standing: one_of(&raw.standing, &STANDINGS),
            kind: one_of(&raw.kind, &KINDS),
            over: raw.over.parse().ok(),
            within: raw.within.parse().ok(),
            weekday: in_range(&raw.weekday, 7).filter(|day| *day > 0),
            hour: in_range(&raw.hour, 23),
            sort: Sort::ALL.into_iter().find(|sort| sort.name() == raw.sort),
            page: raw.page.parse().unwrap_or(0).min(MOST_PAGES),
            by: one_of(&raw.by, &FILES_BY),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let query = Query::<Raw>::from_request_parts(parts, state).await;
        Ok(query.map(|Query(raw)| raw.into()).unwrap_or_default())
    }
}

impl Asked {
    /// How long the period is: a week where nobody chose.
    pub fn length(&self) -> Length {
        self.length.unwrap_or(Length::Week)
    }

    /// The period: the one that `today` lies in where nobody chose a day.
    pub fn period(&self, today: NaiveDate) -> Period {
        let day = self.day.unwrap_or(today);
        match self.length() {
            Length::Day => Period::day(day),
            Length::Week => Period::week(day),
            Length::Month => Period::month(day),
        }
    }

    /// The same with its period written out, which links then lead to on any day; and on the first page.
    #[must_use]
    pub fn settled(&self, today: NaiveDate) -> Self {
        self.of(self.length(), self.period(today).from)
    }

    /// The same of another period.
    #[must_use]
    pub fn of(&self, length: Length, day: NaiveDate) -> Self {
        Self { length: Some(length), day: Some(day), page: 0, ..self.clone() }
    }

    /// The same, on another page.
    #[must_use]
    pub fn on_page(&self, page: u32) -> Self {
        Self { page, ..self.clone() }
    }

    /// The same of what was answered within a threshold.
    pub fn answered_within(&self, threshold: RungId) -> Self {
        Self { within: u32::try_from(threshold.0).ok(), ..self.that("answered") }
    }

    /// The same, of which the waits went so.
    #[must_use]
    pub fn that(&self, state: &'static str) -> Self {
        Self { state: Some(state), ..self.clone() }
    }

    /// An address with all of it.
    pub fn link(&self, path: &str) -> String {
        let mut pairs = Pairs { link: path.to_owned(), joint: '?' };
        pairs.add("period", self.length.map(Length::name));
        pairs.add("day", self.day.map(|day| day.to_string()).as_deref());
        pairs.add("person", self.person.as_deref());
        pairs.add("replier", self.replier.as_deref());
        pairs.add("room", self.room.as_deref());
        pairs.add("stage", self.stage.map(|stage| stage.to_string()).as_deref());
        pairs.add("state", self.state);
        pairs.add("standing", self.standing);
        pairs.add("kind", self.kind);
        pairs.add("over", self.over.map(|over| over.to_string()).as_deref());
        pairs.add("within", self.within.map(|within| within.to_string()).as_deref());
        pairs.add("weekday", self.weekday.map(|day| day.to_string()).as_deref());
        pairs.add("hour", self.hour.map(|hour| hour.to_string()).as_deref());
        pairs.add("sort", self.sort.map(Sort::name));
        pairs.add("page", (self.page > 0).then(|| self.page.to_string()).as_deref());
        pairs.add("by", self.by);
        pairs.link
    }
}

struct Pairs {
    link: String,
    joint: char,
}

impl Pairs {
    fn add(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            let joint = std::mem::replace(&mut self.joint, '&');
            self.link.push(joint);
            self.link.push_str(key);
            self.link.push('=');
            self.link.push_str(&encoded(value));
        }
    }
}

/// A text as a part of an address (RFC 3986: all but the unreserved characters are written as their bytes).
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // A String takes everything.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The period before or after one of a length that begins on a day.
pub fn beside(length: Length, from: NaiveDate, later: bool) -> NaiveDate {
    let moved = match (length, later) {
        (Length::Month, true) => from.checked_add_months(Months::new(1)),
        (Length::Month, false) => from.checked_sub_months(Months::new(1)),
        (length, later) => {
            let days = Days::new(if length == Length::Week { 7 } else { 1 });
            if later { from.checked_add_days(days) } else { from.checked_sub_days(days) }
        }
    };
    moved.filter(|day| YEARS.contains(&day.year())).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn asked(query: &str) -> Asked {
        let request = Request::get(format!("/waits?{query}")).body(()).unwrap();
        Asked::from_request_parts(&mut request.into_parts().0, &()).await.unwrap()
    }

    #[tokio::test]
    async fn an_address_says_all_of_what_it_was_made_from() {
        let made = Asked {
            length: Some(Length::Month),
            day: "2026-11-23".parse().ok(),
            person: Some("王小售&state=open".into()),
            replier: Some("李小后".into()),
            room: Some("wechaty:1@chatroom/2".into()),
            stage: Some(Stage::AfterSales),
            state: Some("answered"),
            standing: Some("unverified"),
            kind: Some("promise"),
            over: Some(60),
            within: Some(120),
            weekday: Some(7),
            hour: Some(0),
            sort: Some(Sort::Median),
            page: 3,
            by: Some("waits"),
        };
        let link = made.link("/waits");
        assert_eq!(asked(link.trim_start_matches("/waits?")).await, made, "{link}");
        assert_eq!(Asked::default().link("/people"), "/people");
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_not_there() {
        let nonsense =
            "period=year&day=2026-02-30&stage=x&state='&over=-1&weekday=0&hour=24&page=x&by=%00&kind=";
        assert_eq!(asked(nonsense).await, Asked::default());
        assert_eq!(asked("day=9999-01-01&day=2026-01-01").await, Asked::default());
        assert_eq!(asked("day=-262143-01-01").await, Asked::default());
        assert_eq!(asked("person=").await.person.as_deref(), Some(""), "nobody's");
        assert_eq!(asked("page=99999").await.page, 1_000);
    }

    #[test]
    fn periods_follow_each_other() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(beside(Length::Week, day("2026-11-23"), false), day("2026-11-16"));
        assert_eq!(beside(Length::Month, day("2026-01-01"), false), day("2025-12-01"));
        assert_eq!(beside(Length::Day, day("2199-12-31"), true), day("2199-12-31"));
    }
}
