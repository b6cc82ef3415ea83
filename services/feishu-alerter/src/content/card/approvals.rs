//! The card of an evening: which rooms await a manager's approval to go into after-sales. Nothing on it can be pressed.

use domain::rules::{Rules, Severity};
use domain::{Timestamp, display};

use super::lines::lines;
use super::model::Card;
use crate::wording;

/// Longest name, in characters.
const NAME_CHARS: usize = 40;
/// How many are named. Whichever is not is counted.
const MOST: usize = 20;

/// A room that awaits approval.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Its name, or its key.
    pub topic: String,
    /// Its owner, if it has one.
    pub from: Option<String>,
    /// Who is to own it, as written.
    pub to: String,
    /// Who asked.
    pub by: String,
    pub at: Timestamp,
}

/// The card that shows them, in this order.
pub fn approvals(pending: &[Pending], severity: Severity, rules: &Rules, now: Timestamp) -> Card {
    let time = |at: Timestamp| at.with_timezone(&rules.time_zone).format("%m-%d %H:%M").to_string();
    let name = |text: &str| display::plain(text.trim(), NAME_CHARS);
    let line = |of: &Pending| {
        let from = of.from.as_deref().map_or(wording::NO_OWNER.to_owned(), name);
        wording::approval_line(&name(&of.topic), &from, &name(&of.to), &name(&of.by), &time(of.at))
    };
    let more = pending.len().saturating_sub(MOST);
    let more = (more > 0).then(|| wording::and_more_rooms(more));
    let title = wording::approvals_title(pending.len());
    let named = pending.iter().take(MOST).map(line);
    lines(title, Some(severity), named.chain(more), wording::approvals_note(&time(now)), Vec::new())
}
