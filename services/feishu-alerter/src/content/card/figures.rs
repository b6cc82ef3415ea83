//! A card with figures: of a day or a week, for managers or for one person. Nothing on it can be pressed.

use chrono::{NaiveDate, TimeDelta};
use domain::figures::{Figures, Tally};
use domain::id::StaffName;
use domain::rules::{Rules, Severity};
use domain::{Timestamp, display};
use report::{Line, Period, THRESHOLDS};

use super::lines::lines;
use super::model::Card;
use crate::wording;

/// Longest name, in characters.
const NAME_CHARS: usize = 40;
/// How many people are named. Whoever is not is counted.
const MOST_PEOPLE: usize = 30;

/// What it shows.
#[derive(Debug, Clone)]
pub struct Figured {
    pub period: Period,
    /// Whose; `None`: everybody's.
    pub owner: Option<StaffName>,
    pub total: Tally,
    /// By person, in order of their names: it is no ranking.
    pub people: Vec<Line>,
    /// Who waits now, by room, and how long in working time.
    pub waiting: Vec<(String, TimeDelta)>,
    /// Since when nothing was counted any more.
    pub old_since: Option<Timestamp>,
}

/// The card that shows it; `names`: people by name too.
pub fn figures(of: &Figured, names: bool, severity: Severity, rules: &Rules, now: Timestamp) -> Card {
    let time = |at: Timestamp| at.with_timezone(&rules.time_zone).format("%m-%d %H:%M").to_string();
    let day = |day: NaiveDate| day.format("%m-%d").to_string();
    let days = if of.period.from == of.period.to {
        day(of.period.from)
    } else {
        format!("{} 至 {}", day(of.period.from), day(of.period.to))
    };
    let title = wording::figures_title(of.owner.is_some(), &days);
    let total = of.total.clone().figures(&THRESHOLDS);
    let mut shown = vec![wording::how_many_asked(&total)];
    shown.extend(wording::how_fast(&total));
    shown.extend(wording::what_was_promised(&total.promises));
    if of.owner.is_none() && names {
        shown.extend(people(of, &total));
    }
    shown.extend(
        of.waiting
            .iter()
            .map(|(room, time)| wording::still_waiting(&display::plain(room.trim(), NAME_CHARS), *time)),
    );
    lines(
        title,
        Some(severity),
        shown,
        wording::figures_note(&time(now), of.old_since.map(time).as_deref()),
        Vec::new(),
    )
}

fn people(of: &Figured, total: &Figures) -> Vec<String> {
    let asked: Vec<&Line> = of.people.iter().filter(|line| line.figures.asked > 0).collect();
    let busy = |line: &Line| {
        line.figures.asked >= domain::figures::FEW && line.figures.asked * asked.len() > 2 * total.asked
    };
    let line = |line: &&Line| {
        let name = if line.key.person.is_empty() {
            wording::NO_OWNER.to_owned()
        } else {
            display::plain(&line.key.person, NAME_CHARS)
        };
        wording::figures_of_person(&name, &line.figures, line.load, busy(line))
    };
    let more = asked.len().saturating_sub(MOST_PEOPLE);
    let more = (more > 0).then(|| wording::and_more_people(more));
    asked.iter().take(MOST_PEOPLE).map(line).chain(more).collect()
}
