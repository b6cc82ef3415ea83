//! A card with figures: of a day or a week, for managers or for one person. It leads to its page of the board, which asks
//! whoever comes who they are: a link that logs somebody in must not stand where others read along.

use chrono::{NaiveDate, TimeDelta};
use domain::figures::{Figures, Tally};
use domain::id::StaffName;
use domain::rules::{Reached, Rules, Severity, Target};
use domain::{Timestamp, display};
use report::{Line, Period, THRESHOLDS};
use reqwest::Url;

use super::lines::lines;
use super::model::{Block, Button, Card, Line as CardLine, Span};
use crate::action::ActionKind;
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
    /// What each team was to reach, and how far it did.
    pub targets: Vec<(Target, Reached)>,
    /// Who waits now, by room, and how long in working time.
    pub waiting: Vec<(String, TimeDelta)>,
    /// Since when nothing was counted any more.
    pub old_since: Option<Timestamp>,
}

/// The card that shows it, to whoever reads it in this way.
pub fn figures(of: &Figured, reader: Reader<'_>, severity: Severity, rules: &Rules, now: Timestamp) -> Card {
    let time = |at: Timestamp| at.with_timezone(&rules.time_zone).format("%m-%d %H:%M").to_string();
    let day = |day: NaiveDate| day.format("%m-%d").to_string();
    let days = if is_of_a_day(of.period) {
        day(of.period.from)
    } else {
        format!("{} 至 {}", day(of.period.from), day(of.period.to))
    };
    let title = wording::figures_title(of.owner.is_some(), &days);
    let page = reader.board.and_then(|board| page(board, of));
    let note = wording::figures_note(&time(now), of.old_since.map(time).as_deref(), page.is_some());
    let mut card = lines(title, Some(severity), shown(of, reader.names), note, Vec::new());
    if page.is_some() && reader.link_wanted {
        let (action, label) = (ActionKind::BoardLink, wording::BOARD_LINK);
        card.buttons.push(Button { action, label, primary: false, question: None });
    }
    let link = page.map(|url| Span::Link { label: wording::OPEN_BOARD.to_owned(), url });
    card.blocks.extend(link.map(|link| Block::main(vec![CardLine::Text(vec![link])])));
    card
}

/// How a card with figures is read.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// By managers alone: people are named, and teams compared with their targets.
    pub names: bool,
    /// Where the board is, if there is one.
    pub board: Option<&'a str>,
    /// It lets people in by links alone.
    pub link_wanted: bool,
}

fn is_of_a_day(period: Period) -> bool {
    period.from == period.to
}

fn shown(of: &Figured, names: bool) -> Vec<String> {
    let total = of.total.clone().figures(&THRESHOLDS);
    let mut shown = vec![wording::how_many_asked(&total)];
    shown.extend(wording::how_fast(&total));
    shown.extend(wording::what_was_promised(&total.promises));
    if of.owner.is_none() && names {
        shown.extend(of.targets.iter().map(|(target, reached)| wording::target_reached(target, reached)));
        shown.extend(people(of, &total));
    }
    let waiting = |(room, time): &(String, TimeDelta)| {
        wording::still_waiting(&display::plain(room.trim(), NAME_CHARS), *time)
    };
    shown.extend(of.waiting.iter().map(waiting));
    shown
}

/// The board's page of the same people and days. `None`: the board's address is none.
fn page(board: &str, of: &Figured) -> Option<String> {
    let mut url = Url::parse(board).ok()?;
    let owner = of.owner.as_ref().map(StaffName::as_str);
    url.path_segments_mut().ok()?.pop_if_empty().push("people").extend(owner);
    let length = if is_of_a_day(of.period) { "day" } else { "week" };
    url.query_pairs_mut().append_pair("period", length).append_pair("day", &of.period.from.to_string());
    Some(url.into())
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
