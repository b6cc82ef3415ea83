//! The card of a working morning: who waits although every reminder has gone out. Nothing on it can be pressed.

use chrono_tz::Tz;
use domain::rules::Severity;
use domain::{Timestamp, display};
use store::alerts::unanswered::Unanswered;

use super::model::{Block, Card, Line, Span, Title};
use crate::wording;

/// Longest name, in characters.
const NAME_CHARS: usize = 40;

/// Who stands on a list.
#[derive(Debug, Clone)]
pub struct List {
    /// Those who have waited longest, longest first.
    pub named: Vec<Unanswered>,
    /// How many wait in all.
    pub total: i64,
}

/// The card that shows it; how long each has waited is counted to `now`, times are shown in `zone`.
pub fn list(list: &List, severity: Severity, zone: Tz, now: Timestamp) -> Card {
    let title = wording::unanswered_title(list.total);
    let at = now.with_timezone(&zone).format("%m-%d %H:%M").to_string();
    let more = list.total - i64::try_from(list.named.len()).unwrap_or(i64::MAX);
    let more = (more > 0).then(|| Line::Text(vec![Span::Words(wording::and_more(more))]));
    let lines = list.named.iter().map(|of| line(of, now)).chain(more).collect();
    Card {
        summary: title.clone(),
        title: Some(Title { text: title, severity: Some(severity), tags: Vec::new() }),
        blocks: vec![Block::main(lines), Block::note(vec![Span::Words(wording::unanswered_note(&at))])],
        buttons: Vec::new(),
        menus: Vec::new(),
    }
}

fn line(of: &Unanswered, now: Timestamp) -> Line {
    let name = |text: &str| {
        let name = display::plain(text, NAME_CHARS);
        if name.is_empty() { wording::NAMELESS.to_owned() } else { name }
    };
    let owner = of.owner.as_deref().map_or(wording::NO_OWNER.to_owned(), name);
    let waited = (now - of.opened_at).to_std().unwrap_or_default();
    let customer = name(domain::wording::name(&of.customer));
    Line::Text(vec![Span::Stranger(wording::unanswered_line(&name(&of.topic), &customer, &owner, waited))])
}
