//! How many cards come to whom, and when.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, NaiveDate, TimeDelta, Timelike as _, Utc};
use domain::rules::{Recipient, Rules};
use domain::simulation::Card;

use super::wording;

/// The cards of one recipient.
#[derive(Debug, Default)]
struct Load {
    total: usize,
    by_day: BTreeMap<NaiveDate, usize>,
    by_hour: BTreeMap<(NaiveDate, u32), usize>,
}

impl Load {
    fn worst_day(&self) -> usize {
        self.by_day.values().copied().max().unwrap_or_default()
    }

    fn worst_hour(&self) -> usize {
        self.by_hour.values().copied().max().unwrap_or_default()
    }
}

/// What is printed of one ladder: each chat and person, those with most cards first, and the hours of the day.
pub(super) fn lines(
    name: &str,
    cards: &[Card<'_>],
    rules: &Rules,
    period: &Range<DateTime<Utc>>,
) -> Vec<String> {
    let mut loads: BTreeMap<Recipient<'_>, Load> = BTreeMap::new();
    let mut hours: BTreeMap<u32, usize> = BTreeMap::new();
    for card in cards {
        let local = card.at.with_timezone(&rules.time_zone);
        let (day, hour) = (local.date_naive(), local.hour());
        let load = loads.entry(card.to).or_default();
        load.total += 1;
        *load.by_day.entry(day).or_default() += 1;
        *load.by_hour.entry((day, hour)).or_default() += 1;
        *hours.entry(hour).or_default() += 1;
    }
    let days = working_days(rules, period).max(1);
    let mut loads: Vec<(Recipient<'_>, Load)> = loads.into_iter().collect();
    loads.sort_by(|(one, a), (other, b)| (b.total, *one).cmp(&(a.total, *other)));
    let of_each = loads.iter().map(|(to, load)| {
        wording::load(&to.to_string(), load.total, days, load.worst_day(), load.worst_hour())
    });
    let mut lines = vec![wording::ladder(name, cards.len())];
    lines.extend(of_each);
    if !hours.is_empty() {
        lines.push(wording::hours(&hours));
    }
    lines
}

/// How many days of the period are worked on.
fn working_days(rules: &Rules, period: &Range<DateTime<Utc>>) -> usize {
    let last = rules.day_of(period.end - TimeDelta::nanoseconds(1));
    let days = rules.day_of(period.start).iter_days().take_while(|day| *day <= last);
    days.filter(|day| rules.is_working_day(*day)).count()
}
