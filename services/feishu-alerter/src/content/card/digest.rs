//! The card that tells several waits of one person together. Nothing on it can be pressed.
//!
//! It says since when and never how long, so that it stays true; who is answered vanishes from it.

use chrono_tz::Tz;
use domain::id::WaitId;
use domain::rules::Severity;
use domain::wait::WaitKind;
use domain::{Timestamp, display};

use super::model::{Block, Card, Line, Span, Title};
use super::room::time_of;
use crate::wording;

/// Longest name, in characters.
const NAME_CHARS: usize = 40;
/// Longest text of reasons, in characters.
const REASON_CHARS: usize = 60;
/// How many are named. Whoever is not is counted.
const MOST: usize = 30;

/// One who waits.
#[derive(Debug, Clone)]
pub struct DigestLine {
    pub wait: WaitId,
    pub kind: WaitKind,
    pub opened_at: Timestamp,
    pub customer: String,
    /// The room's name; empty when unknown.
    pub topic: String,
    /// The owner, if the reader stands in for them.
    pub instead_of: Option<String>,
    /// Why this one goes before others; empty: for no reason.
    pub because: String,
}

/// The card of these, in their order.
pub fn digest(waiting: &[DigestLine], severity: Severity, zone: Tz, now: Timestamp) -> Card {
    let title = match waiting.len() {
        0 => wording::DIGEST_DONE.to_owned(),
        count => wording::digest_title(count),
    };
    let more = i64::try_from(waiting.len().saturating_sub(MOST)).unwrap_or(i64::MAX);
    let more = (more > 0).then(|| Line::Text(vec![Span::Words(wording::and_more(more))]));
    let lines: Vec<Line> =
        waiting.iter().take(MOST).map(|waiting| line(waiting, zone, now)).chain(more).collect();
    let words = if waiting.is_empty() { wording::DIGEST_DONE_NOTE } else { wording::DIGEST_NOTE };
    let note = Block::note(vec![Span::Words(words.to_owned())]);
    Card {
        summary: title.clone(),
        title: Some(Title {
            text: title,
            severity: (!waiting.is_empty()).then_some(severity),
            tags: Vec::new(),
        }),
        blocks: (!lines.is_empty()).then(|| Block::main(lines)).into_iter().chain([note]).collect(),
        buttons: Vec::new(),
        menus: Vec::new(),
    }
}

fn line(of: &DigestLine, zone: Tz, now: Timestamp) -> Line {
    let customer = name(domain::wording::name(&of.customer));
    let began = time_of(of.opened_at, now, zone);
    let since = match of.kind {
        WaitKind::Request => wording::waits_since(&began),
        WaitKind::Soft => wording::assented_at(&began),
        WaitKind::Promise => wording::promised_at(&began, None),
    };
    let because = display::plain(&of.because, REASON_CHARS);
    let instead = of.instead_of.as_deref().map(|owner| wording::instead_of(&name(owner))).unwrap_or_default();
    let room = format!("{instead}{}", name(&of.topic));
    Line::Text(vec![Span::Stranger(wording::digest_line(&room, &customer, &since, &because))])
}

fn name(text: &str) -> String {
    let name = display::plain(text, NAME_CHARS);
    if name.is_empty() { wording::NAMELESS.to_owned() } else { name }
}
