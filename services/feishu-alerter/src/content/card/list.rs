//! The card of a working morning: who waits although every reminder has gone out. Nothing on it can be pressed.

use domain::rules::{Rules, Severity, Stage};
use domain::{Timestamp, display};

use super::model::{Block, Card, Line, Span, Title};
use crate::wording;

/// Longest name, in characters.
const NAME_CHARS: usize = 40;
/// Longest text of reasons, in characters.
const REASON_CHARS: usize = 60;

/// One who waits.
#[derive(Debug, Clone)]
pub struct Named {
    pub opened_at: Timestamp,
    pub customer: String,
    /// The room's name; empty when unknown.
    pub topic: String,
    pub owner: Option<String>,
    /// The room's stage, by whose calendar it has waited.
    pub stage: Stage,
    /// Why this one goes before others; empty: for no reason.
    pub because: String,
}

/// Who stands on a list.
#[derive(Debug, Clone)]
pub struct List {
    /// Those who go first by the rules of priority; of equal ones whoever has waited longest.
    pub named: Vec<Named>,
    /// How many wait in all.
    pub total: i64,
}

/// The card that shows it; how long each has waited is counted to `now` in working time, with the time on the clock at which
/// it began.
pub fn list(list: &List, severity: Severity, rules: &Rules, now: Timestamp) -> Card {
    let title = wording::unanswered_title(list.total);
    let at = time(rules, now);
    let more = list.total - i64::try_from(list.named.len()).unwrap_or(i64::MAX);
    let more = (more > 0).then(|| Line::Text(vec![Span::Words(wording::and_more(more))]));
    let lines = list.named.iter().map(|of| line(of, rules, now)).chain(more).collect();
    let working_time = rules.calendars.all().into_iter().any(|calendar| calendar.hours().is_some());
    Card {
        summary: title.clone(),
        title: Some(Title { text: title, severity: Some(severity), tags: Vec::new() }),
        blocks: vec![
            Block::main(lines),
            Block::note(vec![Span::Words(wording::unanswered_note(&at, working_time))]),
        ],
        buttons: Vec::new(),
        menus: Vec::new(),
    }
}

fn line(of: &Named, rules: &Rules, now: Timestamp) -> Line {
    let name = |text: &str| {
        let name = display::plain(text, NAME_CHARS);
        if name.is_empty() { wording::NAMELESS.to_owned() } else { name }
    };
    let owner = of.owner.as_deref().map_or(wording::NO_OWNER.to_owned(), name);
    let waited = rules.calendar(of.stage).working_time(of.opened_at, now).to_std().unwrap_or_default();
    let since = time(rules, of.opened_at);
    let customer = name(domain::wording::name(&of.customer));
    let because = display::plain(&of.because, REASON_CHARS);
    let line = wording::unanswered_line(&name(&of.topic), &customer, &owner, &since, waited, &because);
    Line::Text(vec![Span::Stranger(line)])
}

fn time(rules: &Rules, at: Timestamp) -> String {
    at.with_timezone(&rules.time_zone).format("%m-%d %H:%M").to_string()
}
